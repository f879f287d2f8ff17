// Fixed lengths: rejection sampling and sample-and-match draw from the target at every setting
// (support/z-test.h), and what is biased is found. Gates and the other verifiers: lossless-rules-test.cpp.

#include "rejection-sampling.h"

#include "support/chi-square.h"
#include "support/demo.h"
#include "support/generate.h"
#include "support/teacher.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace specdecpp;

namespace {

void checkLengths(const Verifier& verifier, const SamplingSettings& settings, uint64_t seed) {
    for (const int length : {1, 4, 12}) {
        checkLossless(verifier, fixedRule(length), settings, seed + 1000 * static_cast<uint64_t>(length));
    }
}

// Planted: accepts with a root of the probability it should, so too often.
Verdict acceptTooOften(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    for (int i = 0; i < count; ++i) {
        const Distribution& p = input.p(i);
        const Token token = input.drafted[i];
        const double a = acceptanceProbability(p.probability(token), input.q[i].probability(token));
        if (random.uniform() >= std::pow(a, 0.15)) {
            return {i, residual(p, input.q[i]).sample(random.uniform())};
        }
    }
    return input.hasBonusRow ? Verdict{count, input.p(count).sample(random.uniform())} : Verdict{count, std::nullopt};
}

} // namespace

TEST_SUITE("lossless rejection sampling") {

    TEST_CASE("rejection sampling at temperature 0.7 draws from the target") {
        checkLengths(rejectionSampling, plainSampling(0.7), 10000);
    }

    TEST_CASE("rejection sampling at temperature 1 draws from the target") {
        checkLengths(rejectionSampling, plainSampling(1), 20000);
    }

    TEST_CASE("rejection sampling with top-k and top-p at temperature 0.7 draws from the target") {
        checkLengths(rejectionSampling, truncatedSampling(0.7), 30000);
    }

    TEST_CASE("rejection sampling with top-k and top-p at temperature 1 draws from the target") {
        checkLengths(rejectionSampling, truncatedSampling(1), 40000);
    }

    TEST_CASE("rejection sampling with penalties draws from the target") {
        checkLossless(rejectionSampling, fixedRule(4), penalizedSampling(), 90000);
    }

    TEST_CASE("the first token of a round has the target's distribution by a chi-square test") {
        const uint64_t seed = 130000;
        constexpr int draws = 2000;
        const SamplingSettings settings = plainSampling(1);
        const std::vector<Token> prompt = tokenizePrompt("def ");
        Session session(demoTarget(), demoDraft(), sessionOptions(2));
        session.begin(prompt, settings, seed);
        prefillAll(session);
        std::vector<double> counts(static_cast<size_t>(demoTarget()->vocabulary().size()));
        for (int i = 0; i < draws; ++i) {
            ++counts[static_cast<size_t>(session.round(roundOptions(2)).tokens.front())];
            session.rollBack(static_cast<int>(prompt.size()));
        }

        std::vector<Token> text = prompt;
        text.push_back(0);
        const std::vector<float> logits = teacherForce(demoTarget(), text, prompt.size()).front();
        const Distribution p = nextTokenDistribution(logits, prompt, settings);
        std::vector<double> expected;
        for (size_t i = 0; i < counts.size(); ++i) {
            expected.push_back(draws * p.probability(static_cast<Token>(i)));
        }
        const ChiSquare result = chiSquare(counts, expected);
        MESSAGE("seed ", seed, ": ", result.bins, " bins of ", draws, " draws, chi-square ", result.value, ", z ",
                result.z);
        CHECK(result.bins >= 10);
        CHECK(result.z < exactBound);
    }

} // TEST_SUITE

TEST_SUITE("lossless sample-and-match") {

    TEST_CASE("sample-and-match at temperature 0.7 draws from the target") {
        checkLossless(sampleAndMatch, fixedRule(4), plainSampling(0.7), 50000);
    }

    TEST_CASE("sample-and-match at temperature 1 draws from the target") {
        checkLengths(sampleAndMatch, plainSampling(1), 60000);
    }

    TEST_CASE("sample-and-match with top-k and top-p at temperature 0.7 draws from the target") {
        checkLossless(sampleAndMatch, fixedRule(4), truncatedSampling(0.7), 70000);
    }

    TEST_CASE("sample-and-match with top-k and top-p at temperature 1 draws from the target") {
        checkLossless(sampleAndMatch, fixedRule(4), truncatedSampling(1), 80000);
    }

    TEST_CASE("sample-and-match with penalties draws from the target") {
        checkLossless(sampleAndMatch, fixedRule(4), penalizedSampling(), 100000);
    }

} // TEST_SUITE

TEST_SUITE("lossless detection") {

    TEST_CASE("a verifier that drops unlikely drafts is found") {
        const Verifier biased{"dropping", dropUnlikely<rejectionSampling>, Proposal::sampled, false};
        CHECK(measure(biased, fixedRule(4), plainSampling(1), 110000, 2000).largest() > detection);
    }

    TEST_CASE("a verifier that accepts too often is found") {
        const Verifier biased{"accepting", acceptTooOften, Proposal::sampled, false};
        CHECK(measure(biased, fixedRule(4), plainSampling(1), 120000, 2500).largest() > detection);
    }

} // TEST_SUITE
