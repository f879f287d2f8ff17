// Every verifier draws from the target under every kind of stop rule (support/z-test.h). A part of the
// matrix at two more settings; all of it with SPECDECPP_FULL=1 in the environment.

#include "support/demo-head.h"
#include "support/full.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace specdecpp;

namespace {

std::vector<NamedRule> rules() {
    std::vector<NamedRule> all = {fixedRule(4)};
    all.insert(all.end(), gatedRules().begin(), gatedRules().end());
    NamedRule& headed = all.emplace_back();
    headed.name = "head";
    headed.rule.length = 12;
    headed.rule.survival = headGate();
    headed.head = demoHead(HeadKind::full);
    all.insert(all.end(), rulesWithMemory().begin(), rulesWithMemory().end());
    return all;
}

// Every rule, or `rulesByDefault` of them from the `first` on: each verifier begins with another, so that
// more come.
void checkMatrix(const SamplingSettings& settings, uint64_t seed, size_t rulesByDefault, size_t first = 0) {
    double largest = 0;
    int cells = 0;
    const std::vector<NamedRule> all = rules();
    for (size_t v = 0; v < allVerifiers().size(); ++v) {
        for (size_t r = 0; r < (fullTests() ? all.size() : rulesByDefault); ++r) {
            const NamedRule& rule = all[(first + r + v) % all.size()];
            largest = std::max(largest, checkLossless(*allVerifiers()[v], rule, settings, seed + 10000 * v + 1000 * r));
            ++cells;
        }
    }
    MESSAGE(cells, " cells, the largest |z| is ", largest);
}

} // namespace

TEST_SUITE("lossless rules") {

    TEST_CASE("every verifier draws from the target under every kind of rule at temperature 1") {
        checkMatrix(plainSampling(1), 200000, 9);
    }

    TEST_CASE("verifiers draw from the target under rules at temperature 0.7") {
        checkMatrix(plainSampling(0.7), 300000, 2);
    }

    TEST_CASE("verifiers draw from the target under rules with top-k and top-p at temperature 1") {
        checkMatrix(truncatedSampling(1), 400000, 2, 5);
    }

    TEST_CASE("verifiers draw from the target where the draft draws from a few tokens alone") {
        SamplingSettings settings = plainSampling(1);
        settings.draftTopK = 8;
        checkMatrix(settings, 600000, 1, 5);
    }

    TEST_CASE("lengths of the rules with memory grow after full acceptance and shrink after none") {
        for (const NamedRule& rule : rulesWithMemory()) {
            INFO(rule.name);
            const Lengths& lengths = *rule.lengths;
            Lengths::Memory memory = lengths.memory;
            const auto lengthAfter = [&](bool accepted) {
                Round round;
                round.drafted = lengths.next(memory);
                round.accepted = accepted ? round.drafted : 0;
                DraftedToken token{};
                token.acceptance = accepted ? 1 : 0;
                round.draft.assign(static_cast<size_t>(round.drafted), token);
                memory = lengths.after(memory, round);
                return lengths.next(memory);
            };
            const int first = lengths.next(memory);
            const int shorter = lengthAfter(false);
            CHECK(shorter < first);
            for (int i = 0; i < 40; ++i) {
                lengthAfter(true);
            }
            CHECK(lengths.next(memory) > first);
        }
    }

    TEST_CASE("block verification that drops unlikely drafts is found") {
        const Verifier biased{"dropping block", dropUnlikely<blockVerification>, Proposal::sampled, false};
        CHECK(measure(biased, fixedRule(4), plainSampling(1), 500000, 2000).largest() > detection);
    }

} // TEST_SUITE
