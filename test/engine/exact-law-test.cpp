// Losslessness of drafting and verifying, exactly: over small vocabularies and short rounds the law of
// the next N tokens is added up over every draft and every decision of the verifier, and compared with
// the target's. Nothing here is sampled.

#include "rejection-sampling.h"
#include "verifier.h"

#include "support/decisions.h"
#include "support/exact-law.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace specdecpp;

namespace {

Verdict residualForgotten(const VerifierInput& input, Random& random) {
    for (int i = 0; i < static_cast<int>(input.drafted.size()); ++i) {
        const Token token = input.drafted[i];
        const double a = acceptanceProbability(input.p(i).probability(token), input.q[i].probability(token));
        if (random.uniform() >= a) {
            return {i, input.p(i).sample(random.uniform())};
        }
    }
    return {static_cast<int>(input.drafted.size()),
            input.p(static_cast<int>(input.drafted.size())).sample(random.uniform())};
}

// Over random languages.
double largestVariation(const ToyRule& rule, size_t length) {
    double largest = 0;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        ToyLanguage language(3, seed);
        largest = std::max(largest, totalVariation(language, rejectionSampling, rule, length));
    }
    MESSAGE("the largest total variation ", largest);
    return largest;
}

} // namespace

TEST_SUITE("exact law") {

    TEST_CASE("rejection sampling has the target's law under every rule that may be asked before a draw") {
        checkExact(rejectionSampling, noEnd);
    }

    TEST_CASE("sample-and-match has the target's law under every rule that may be asked before a draw") {
        checkExact(sampleAndMatch, noEnd);
    }

    TEST_CASE("rejection sampling has the target's law where a drafted end of the text ends the round") {
        checkExact(rejectionSampling, 0);
    }

    TEST_CASE("sample-and-match has the target's law where a drafted end of the text ends the round") {
        checkExact(sampleAndMatch, 0);
    }

    TEST_CASE("sample-and-match has the target's law even if drawn tokens are dropped") {
        const ToyRule dropping{"dropping",
                               [](const Tokens& drafted, const Distribution&) { return drafted.size() < 3; },
                               [](Token drawn, const Distribution&) { return drawn == 1; }};
        ToyLanguage language(3, 5);
        CHECK(totalVariation(language, sampleAndMatch, dropping, 3) < 1e-12);
    }

    TEST_CASE("a drawn token that is dropped for what it is biases rejection sampling by a quarter, and is found") {
        // p = q = (1/2, 1/2): token 0 is kept and always accepted; token 1 is dropped, and the next token
        // is drawn from p again: P(0) = 1/2 + 1/2 · 1/2 = 3/4.
        const std::vector<Distribution> half = {Distribution::dense({0.5, 0.5}), Distribution::dense({0.5, 0.5})};
        double zero = 0;
        for (const auto& [verdict, probability] : decisions(rejectionSampling, {0}, half, {half[0]}, true)) {
            zero += verdict.first == 1 ? 0.5 * probability : 0; // drawn 0
        }
        for (const auto& [verdict, probability] : decisions(rejectionSampling, {}, {half[0]}, {}, true)) {
            zero += verdict.second == Token{0} ? 0.5 * probability : 0; // drawn 1, dropped
        }
        CHECK(std::abs(zero - 0.75) < 1e-12);
    }

    TEST_CASE("dropping the newest token of low probability is found in random languages") {
        const ToyRule dropping{"dropping",
                               [](const Tokens& drafted, const Distribution&) { return drafted.size() < 2; },
                               [](Token drawn, const Distribution& q) { return q.probability(drawn) < 0.5; }};
        CHECK(largestVariation(dropping, 2) > 0.1);
    }

    TEST_CASE("dropping the newest token is found where lengths depend on the rounds before") {
        for (const Lengths& lengths : {scheduleLengths(1, 3), expectedLengths(3, 0.5, 0.8, 3)}) {
            ToyRule dropping = ruleOf("dropping", lengths);
            dropping.drops = [](Token drawn, const Distribution& q) { return q.probability(drawn) < 0.5; };
            CHECK(largestVariation(dropping, 3) > 0.1);
        }
    }

    TEST_CASE("drawing from p instead of the residual is found") {
        const Verifier broken{"broken", residualForgotten, Proposal::sampled, false};
        double largest = 0;
        for (unsigned seed = 1; seed <= 12; ++seed) {
            ToyLanguage language(3, seed);
            largest = std::max(largest, totalVariation(language, broken, fixedLength(1), 2));
        }
        MESSAGE("the largest total variation ", largest);
        CHECK(largest > 0.1);
    }

    TEST_CASE("the decisions of a verifier add up to one") {
        ToyLanguage language(4, 3);
        const Tokens drafted = {language.q({}).mode()};
        double total = 0;
        for (const auto& [verdict, probability] :
             decisions(rejectionSampling, drafted, {language.p({}), language.p(drafted)}, {language.q({})}, true)) {
            total += probability;
        }
        CHECK(std::abs(total - 1) < 1e-12);
    }

    TEST_CASE("rejection sampling accepts with probability min(1, p/q)") {
        CHECK(acceptanceProbability(0.2, 0.4) == 0.5);
        CHECK(acceptanceProbability(0.4, 0.2) == 1);
        CHECK(acceptanceProbability(0, 0.2) == 0);
    }

    TEST_CASE("the residual is what p has above q, normalized") {
        const Distribution r = residual(Distribution::dense({0.5, 0.25, 0.25}), Distribution::dense({0.25, 0.75, 0}));
        CHECK(r.probability(0) == 0.5);
        CHECK(r.probability(1) == 0);
        CHECK(r.probability(2) == 0.5);
    }

    TEST_CASE("the residual of equal distributions is p") {
        const Distribution p = Distribution::dense({0.5, 0.5});
        CHECK(residual(p, p).probability(0) == 0.5);
    }

    TEST_CASE("verifiers are found by their names, and none by another") {
        CHECK(findVerifier("rejection") == &rejectionSampling);
        CHECK(findVerifier("block") == &blockVerification);
        CHECK(findVerifier("match") == &sampleAndMatch);
        CHECK(findVerifier("coupled") == &coupledSampling);
        CHECK(findVerifier("") == nullptr);
        CHECK(findVerifier("Rejection") == nullptr);
    }

} // TEST_SUITE
