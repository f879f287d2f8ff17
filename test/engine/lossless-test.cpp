// Losslessness of the whole engine at temperatures above zero. Of a text X that a session generated,
// p and q are worked out again at every position by plain evaluation; if X was drawn from p, then
// z = Σ (f(X_t) - E_p f) / √Σ Var_p f is about normal for any f. The functions here are those that a
// biased verifier shifts. Every seed is fixed, so a test passes always or never on one machine; the
// bounds leave room for kernels that round differently.

#include "support/demo.h"
#include "support/generate.h"
#include "support/teacher.h"

#include "rejection-sampling.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>

using namespace specdecpp;

namespace {

constexpr int tokensPerCell = 1000;
constexpr double bound = 4;       // what an exact sampler stays below
constexpr double detection = 4.5; // what a biased one must exceed

// log q where truncation has left q = 0: as if it were this.
constexpr double smallestQ = 1e-6;

struct Statistic {
    const char* name;
    std::function<double(double p, double q)> f; // of the probabilities of a token
    double excess = 0;
    double variance = 0;

    void add(const Distribution& p, const Distribution& q, Token drawn) {
        double mean = 0;
        double square = 0;
        for (size_t i = 0; i < p.probabilities().size(); ++i) {
            const double probability = p.probabilities()[i];
            if (probability > 0) {
                const double value = f(probability, q.probability(p.token(i)));
                mean += probability * value;
                square += probability * value * value;
            }
        }
        excess += f(p.probability(drawn), q.probability(drawn)) - mean;
        variance += std::max(0.0, square - mean * mean);
    }

    double z() const { return excess / std::sqrt(variance); }
};

struct Cell {
    std::array<Statistic, 3> statistics = {
        Statistic{"log p", [](double p, double) { return std::log(p); }},
        Statistic{"log q", [](double, double q) { return std::log(std::max(q, smallestQ)); }},
        Statistic{"q < 0.1", [](double, double q) { return q < 0.1 ? 1.0 : 0.0; }},
    };
    int tokens = 0;
    int impossible = 0; // of probability zero under the target
    int drafted = 0;
    int accepted = 0;

    double largest() const {
        double z = 0;
        for (const Statistic& statistic : statistics) {
            z = std::max(z, std::abs(statistic.z()));
        }
        return z;
    }
};

void addText(Cell& cell, const Text& text, const SamplingSettings& settings) {
    const auto targetRows = teacherForce(demoTarget(), text.tokens, text.promptLength);
    const auto draftRows = teacherForce(demoDraft(), text.tokens, text.promptLength);
    for (size_t i = 0; i < text.replyLength(); ++i) {
        const auto history = std::span<const Token>(text.tokens).first(text.promptLength + i);
        const Distribution p = nextTokenDistribution(targetRows[i], history, settings);
        const Distribution q = nextTokenDistribution(draftRows[i], history, settings);
        const Token drawn = text.tokens[text.promptLength + i];
        if (p.probability(drawn) == 0) {
            ++cell.impossible; // at the edge of a truncation kernels may differ by a token
            continue;
        }
        for (Statistic& statistic : cell.statistics) {
            statistic.add(p, q, drawn);
        }
    }
    cell.tokens += static_cast<int>(text.replyLength());
    cell.drafted += text.drafted;
    cell.accepted += text.accepted;
}

Cell measure(const Verifier& verifier, int length, const SamplingSettings& settings, uint64_t seed, int tokens) {
    Session session(demoTarget(), demoDraft(), sessionOptions(length));
    Cell cell;
    for (size_t i = 0; cell.tokens < tokens; ++i) {
        const auto& prompt = demoPrompts()[i % demoPrompts().size()];
        addText(cell, generate(session, prompt, settings, seed + i, roundOptions(length, verifier)), settings);
    }
    std::string line = std::string(verifier.name) + ", K = " + std::to_string(length) +
                       ", T = " + std::to_string(settings.temperature).substr(0, 3) +
                       (settings.truncates() ? ", truncated" : "") + (settings.penalizes() ? ", penalties" : "") +
                       ", seed " + std::to_string(seed) + ": " + std::to_string(cell.tokens) + " tokens, " +
                       std::to_string(cell.accepted) + " of " + std::to_string(cell.drafted) + " accepted, z";
    for (const Statistic& statistic : cell.statistics) {
        line += std::string("  ") + statistic.name + ": " + std::to_string(statistic.z()).substr(0, 5);
    }
    MESSAGE(line);
    return cell;
}

void checkLossless(const Verifier& verifier, int length, const SamplingSettings& settings, uint64_t seed) {
    const Cell cell = measure(verifier, length, settings, seed, tokensPerCell);
    CHECK(cell.largest() < bound);
    CHECK(cell.impossible <= cell.tokens / 500);
    CHECK(cell.drafted > 0);
}

void checkLengths(const Verifier& verifier, const SamplingSettings& settings, uint64_t seed) {
    for (const int length : {1, 4, 12}) {
        checkLossless(verifier, length, settings, seed + 1000 * static_cast<uint64_t>(length));
    }
}

SamplingSettings plain(double temperature) {
    SamplingSettings settings;
    settings.temperature = temperature;
    return settings;
}

SamplingSettings truncated(double temperature) {
    SamplingSettings settings = plain(temperature);
    settings.topK = 40;
    settings.topP = 0.95;
    return settings;
}

SamplingSettings penalized() {
    SamplingSettings settings = plain(1);
    settings.repeatPenalty = 1.3;
    settings.frequencyPenalty = 0.2;
    return settings;
}

// Planted: drafting stops at the first token that the draft found unlikely, and drops it.
Verdict dropUnlikely(const VerifierInput& input, Random& random) {
    VerifierInput kept = input;
    for (size_t i = 0; i < input.drafted.size(); ++i) {
        if (input.q[i].probability(input.drafted[i]) < 0.1) {
            kept.drafted = input.drafted.first(i);
            kept.q = input.q.first(i);
            kept.hasBonusRow = true;
            break;
        }
    }
    return rejectionSampling.verify(kept, random);
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
        checkLengths(rejectionSampling, plain(0.7), 10000);
    }

    TEST_CASE("rejection sampling at temperature 1 draws from the target") {
        checkLengths(rejectionSampling, plain(1), 20000);
    }

    TEST_CASE("rejection sampling with top-k and top-p at temperature 0.7 draws from the target") {
        checkLengths(rejectionSampling, truncated(0.7), 30000);
    }

    TEST_CASE("rejection sampling with top-k and top-p at temperature 1 draws from the target") {
        checkLengths(rejectionSampling, truncated(1), 40000);
    }

    TEST_CASE("rejection sampling with penalties draws from the target") {
        checkLossless(rejectionSampling, 4, penalized(), 90000);
    }

    TEST_CASE("the first token of a round has the target's distribution by a chi-square test") {
        const uint64_t seed = 130000;
        constexpr int draws = 2000;
        const SamplingSettings settings = plain(1);
        const std::vector<Token> prompt = tokenizePrompt("def ");
        Session session(demoTarget(), demoDraft(), sessionOptions(2));
        session.begin(prompt, settings, seed);
        prefillAll(session);
        std::vector<int> counts(static_cast<size_t>(demoTarget()->vocabulary().size()));
        for (int i = 0; i < draws; ++i) {
            ++counts[static_cast<size_t>(session.round(roundOptions(2)).tokens.front())];
            session.rollBack(static_cast<int>(prompt.size()));
        }

        std::vector<Token> text = prompt;
        text.push_back(0);
        const std::vector<float> logits = teacherForce(demoTarget(), text, prompt.size()).front();
        const Distribution p = nextTokenDistribution(logits, prompt, settings);
        double chiSquare = 0;
        int bins = 0;
        double restExpected = 0; // the tokens too rare for a bin of their own
        double restCount = 0;
        const auto addBin = [&](double expected, double count) {
            chiSquare += (count - expected) * (count - expected) / expected;
            ++bins;
        };
        for (size_t i = 0; i < counts.size(); ++i) {
            const double expected = draws * p.probability(static_cast<Token>(i));
            if (expected >= 5) {
                addBin(expected, counts[i]);
            } else {
                restExpected += expected;
                restCount += counts[i];
            }
        }
        addBin(restExpected, restCount);
        const double freedom = bins - 1;
        // Wilson & Hilferty 1931: the cube root of a chi-square is about normal.
        const double z = (std::cbrt(chiSquare / freedom) - (1 - 2 / (9 * freedom))) / std::sqrt(2 / (9 * freedom));
        MESSAGE("seed ", seed, ": ", bins, " bins of ", draws, " draws, chi-square ", chiSquare, ", z ", z);
        CHECK(bins >= 10);
        CHECK(z < bound);
    }

} // TEST_SUITE

TEST_SUITE("lossless sample-and-match") {

    TEST_CASE("sample-and-match at temperature 0.7 draws from the target") {
        checkLengths(sampleAndMatch, plain(0.7), 50000);
    }

    TEST_CASE("sample-and-match at temperature 1 draws from the target") {
        checkLengths(sampleAndMatch, plain(1), 60000);
    }

    TEST_CASE("sample-and-match with top-k and top-p at temperature 0.7 draws from the target") {
        checkLengths(sampleAndMatch, truncated(0.7), 70000);
    }

    TEST_CASE("sample-and-match with top-k and top-p at temperature 1 draws from the target") {
        checkLengths(sampleAndMatch, truncated(1), 80000);
    }

    TEST_CASE("sample-and-match with penalties draws from the target") {
        checkLossless(sampleAndMatch, 4, penalized(), 100000);
    }

} // TEST_SUITE

TEST_SUITE("lossless detection") {

    TEST_CASE("a verifier that drops unlikely drafts is found") {
        const Verifier biased{"dropping", dropUnlikely, Proposal::sampled, false};
        CHECK(measure(biased, 4, plain(1), 110000, 2000).largest() > detection);
    }

    TEST_CASE("a verifier that accepts too often is found") {
        const Verifier biased{"accepting", acceptTooOften, Proposal::sampled, false};
        CHECK(measure(biased, 4, plain(1), 120000, 2500).largest() > detection);
    }

} // TEST_SUITE
