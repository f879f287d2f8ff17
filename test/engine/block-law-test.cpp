// Block verification exactly, as exact-law-test.cpp does for the other verifiers.

#include "excess.h"
#include "verifier.h"

#include "support/decisions.h"
#include "support/exact-law.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace specdecpp;

namespace {

// Block verification written a second time, with one of its parts wrong.
template <bool plainResidual, bool chanceForgotten, bool weightUnbounded>
Verdict mistaken(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    std::vector<double> w = {1};
    int accepted = 0;
    for (int i = 0; i < count; ++i) {
        const Distribution& p = input.p(i);
        const double total = Excess(w.back(), p, input.q[i]).total();
        const double others = chanceForgotten ? 0 : 1 - w.back(); // planted: h_i without 1 - w
        if (i > 0 && random.uniform() * (total + others) < total) {
            accepted = i;
        }
        const Token token = input.drafted[i];
        const double grown = w.back() * p.probability(token) / input.q[i].probability(token);
        w.push_back(weightUnbounded ? grown : std::min(1.0, grown)); // planted: w above 1 for the next token
    }
    if (count == 0 || random.uniform() < w.back()) {
        return {count, input.hasBonusRow ? std::optional(input.p(count).sample(random.uniform())) : std::nullopt};
    }
    // planted: the residual of rejection sampling
    Excess residual(plainResidual ? 1 : w[accepted], input.p(accepted), input.q[accepted]);
    return {accepted,
            (residual.total() > 0 ? std::move(residual).normalized() : input.p(accepted)).sample(random.uniform())};
}

template <bool plainResidual, bool chanceForgotten, bool weightUnbounded>
constexpr Verifier mistakenVerifier{"mistaken", mistaken<plainResidual, chanceForgotten, weightUnbounded>,
                                    Proposal::sampled, false};

double largestVariation(const Verifier& verifier, const ToyRule& rule, size_t length) {
    double largest = 0;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        ToyLanguage language(3, seed);
        largest = std::max(largest, totalVariation(language, verifier, rule, length));
    }
    MESSAGE("the largest total variation ", largest);
    return largest;
}

} // namespace

TEST_SUITE("exact law of block verification") {

    TEST_CASE("block verification has the target's law under every rule that may be asked before a draw") {
        checkExact(blockVerification, noEnd);
    }

    TEST_CASE("block verification has the target's law where a drafted end of the text ends the round") {
        checkExact(blockVerification, 0);
    }

    TEST_CASE("block verification accepts no fewer tokens on average than rejection sampling") {
        double largestGain = 0;
        double largestLoss = 0;
        int rounds = 0;
        for (unsigned seed = 1; seed <= 60; ++seed) {
            const int size = 2 + static_cast<int>(seed % 3);
            ToyLanguage language(size, seed);
            for (size_t length = 1; length <= 3; ++length) {
                for (const Tokens& text : {Tokens{}, Tokens{0}, Tokens{1, 0}}) {
                    const double block = expectedAccepted(language, blockVerification, fixedLength(length), text);
                    const double rejection = expectedAccepted(language, rejectionSampling, fixedLength(length), text);
                    INFO("seed ", seed, ", vocabulary ", size, ", K = ", length);
                    CHECK(block >= rejection - 1e-12);
                    if (length == 1) {
                        CHECK(std::abs(block - rejection) < 1e-12);
                    }
                    largestGain = std::max(largestGain, block - rejection);
                    largestLoss = std::max(largestLoss, rejection - block);
                    ++rounds;
                }
            }
        }
        MESSAGE(rounds, " rounds: at most ", largestGain, " tokens more, ", largestLoss, " fewer");
        CHECK(largestGain > 0.1);
    }

    TEST_CASE("the copy that the mistakes are planted in is block verification") {
        CHECK(largestVariation(mistakenVerifier<false, false, false>, fixedLength(3), 3) < 1e-12);
    }

    TEST_CASE("dropping the newest token of low probability is found") {
        const ToyRule dropping{"dropping",
                               [](const Tokens& drafted, const Distribution&) { return drafted.size() < 2; },
                               [](Token drawn, const Distribution& q) { return q.probability(drawn) < 0.5; }};
        CHECK(largestVariation(blockVerification, dropping, 2) > 0.1);
    }

    TEST_CASE("the residual of rejection sampling in place of the block's is found") {
        CHECK(largestVariation(mistakenVerifier<true, false, false>, fixedLength(3), 3) > 0.01);
    }

    TEST_CASE("an acceptance h without its term 1 - w is found") {
        CHECK(largestVariation(mistakenVerifier<false, true, false>, fixedLength(3), 3) > 0.01);
    }

    TEST_CASE("a weight w that may exceed one is found") {
        CHECK(largestVariation(mistakenVerifier<false, false, true>, fixedLength(3), 3) > 0.01);
    }

    TEST_CASE("the decisions of block verification add up to one") {
        ToyLanguage language(4, 3);
        double total = 0;
        const Tokens drafted = {language.q({}).mode(), 0, 1};
        Tokens possible;
        for (const Token token : drafted) {
            possible.push_back(language.q(possible).probability(token) > 0 ? token : language.q(possible).mode());
        }
        const auto [p, q] = language.rowsOf({}, possible);
        for (const auto& [verdict, probability] : decisions(blockVerification, possible, p, q, true)) {
            total += probability;
        }
        CHECK(std::abs(total - 1) < 1e-12);
    }

} // TEST_SUITE
