// Coupled draws: each has the law of its distribution, draws at different positions and seeds know
// nothing of one another, and draws from similar distributions at one position mostly agree. The noise
// is a function of seed, position and token, so laws are estimated over many of them, with every seed
// fixed.

#include "coupling.h"
#include "random.h"
#include "verifier.h"

#include "support/chi-square.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr double bound = 4;

std::vector<double> normalized(std::vector<double> weights) {
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) {
        weight /= total;
    }
    return weights;
}

Distribution dense(const std::vector<double>& weights) {
    return Distribution::dense(normalized(weights));
}

// The same without the tokens that are not possible.
Distribution sparse(const std::vector<double>& weights) {
    const std::vector<double> probabilities = normalized(weights);
    std::vector<Token> tokens;
    std::vector<double> positive;
    for (size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] > 0) {
            tokens.push_back(static_cast<Token>(i));
            positive.push_back(probabilities[i]);
        }
    }
    return Distribution::sparse(std::move(tokens), std::move(positive));
}

std::vector<double> weightsOf(size_t size, const std::function<double(size_t)>& weight) {
    std::vector<double> weights(size);
    for (size_t i = 0; i < size; ++i) {
        weights[i] = weight(i);
    }
    return weights;
}

// About as peaked as a language model: a softmax of normal logits; part of it impossible.
std::vector<double> randomWeights(size_t size, double spread, double impossible, std::mt19937_64& generator) {
    std::normal_distribution<double> logit(0, spread);
    std::uniform_real_distribution<double> uniform;
    std::vector<double> weights =
        weightsOf(size, [&](size_t) { return uniform(generator) < impossible ? 0 : std::exp(logit(generator)); });
    weights[generator() % size] += 1;
    return weights;
}

// The definition of a coupled draw, without its shortcut.
Token naiveDraw(const Distribution& p, uint64_t seed, int position) {
    double best = -std::numeric_limits<double>::infinity();
    Token winner = -1;
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        if (p.probabilities()[i] > 0 && coupledScore(p, p.token(i), seed, position) > best) {
            best = coupledScore(p, p.token(i), seed, position);
            winner = p.token(i);
        }
    }
    return winner;
}

// Draws at the positions 0…positions-1 of each of the first seeds.
void checkMarginal(const char* name, const Distribution& p, int seeds, int positions) {
    std::vector<double> counts(static_cast<size_t>(p.token(p.probabilities().size() - 1)) + 1);
    for (int seed = 0; seed < seeds; ++seed) {
        for (int position = 0; position < positions; ++position) {
            ++counts[static_cast<size_t>(coupledDraw(p, static_cast<uint64_t>(seed), position))];
        }
    }
    std::vector<double> expected;
    for (size_t i = 0; i < counts.size(); ++i) {
        expected.push_back(p.probability(static_cast<Token>(i)) * seeds * positions);
        if (expected.back() == 0) {
            CHECK(counts[i] == 0);
        }
    }
    const ChiSquare result = chiSquare(counts, expected);
    MESSAGE(std::string(name), ": ", seeds * positions, " draws, ", result.bins, " bins, chi-square ", result.value,
            ", z ", result.z);
    CHECK(std::abs(result.z) < bound);
}

// Two draws at each of many places: their pairs must be as frequent as if they were independent.
void checkIndependence(const char* name, const std::function<std::pair<Token, Token>(int)>& draw, const Distribution& p,
                       const Distribution& q) {
    constexpr int pairs = 100000;
    const size_t columns = q.probabilities().size();
    std::vector<double> counts(p.probabilities().size() * columns);
    for (int i = 0; i < pairs; ++i) {
        const auto [a, b] = draw(i);
        ++counts[static_cast<size_t>(a) * columns + static_cast<size_t>(b)];
    }
    std::vector<double> expected;
    for (const double a : p.probabilities()) {
        for (const double b : q.probabilities()) {
            expected.push_back(a * b * pairs);
        }
    }
    const ChiSquare result = chiSquare(counts, expected);
    MESSAGE(std::string(name), ": ", result.bins, " bins of ", pairs, " pairs, chi-square ", result.value, ", z ",
            result.z);
    CHECK(std::abs(result.z) < bound);
}

double variation(const Distribution& p, const Distribution& q) {
    double sum = 0;
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        sum += std::abs(p.probabilities()[i] - q.probability(p.token(i)));
    }
    return sum / 2;
}

} // namespace

TEST_SUITE("coupling") {

    TEST_CASE("a coupled draw has the law of its distribution") {
        checkMarginal("even", dense(std::vector<double>(10, 1)), 200, 500);
        checkMarginal("geometric", dense(weightsOf(20, [](size_t i) { return std::pow(0.7, i); })), 200, 500);
        checkMarginal("nearly certain", dense({0.9995, 0.0002, 0.0002, 0.0001}), 200, 2000);
        checkMarginal("two", dense({1, 3}), 10, 10000);
        checkMarginal("every other impossible",
                      dense(weightsOf(12, [](size_t i) { return i % 2 == 0 ? 0.0 : 1.0 + i; })), 200, 500);
        checkMarginal("sparse", Distribution::sparse({3, 7, 8, 4000}, {0.4, 0.3, 0.2, 0.1}), 200, 500);
        checkMarginal("sparse, nearly certain", Distribution::sparse({5, 9}, {0.999, 0.001}), 100, 2000);
        std::mt19937_64 generator(1);
        checkMarginal("4096 tokens", dense(randomWeights(4096, 3, 0.1, generator)), 40, 1000);
        checkMarginal("400 of 4096 tokens", sparse(randomWeights(4096, 3, 0.9, generator)), 200, 500);
    }

    TEST_CASE(
        "a coupled draw has the law of its distribution over seeds at one position, and over positions of one seed") {
        const Distribution p = dense(weightsOf(20, [](size_t i) { return std::pow(0.7, i); }));
        checkMarginal("one position", p, 100000, 1);
        checkMarginal("one seed", p, 1, 100000);
    }

    // 4000 tokens of 1e-6 each beside a common one: together 0.4 %.
    TEST_CASE("tiny probabilities are drawn as often as they should be, each and together") {
        const Distribution p = dense(weightsOf(4001, [](size_t i) { return i == 0 ? 0.996 : 1e-6; }));
        constexpr int draws = 200000;
        double tiny = 0;
        double lower = 0; // in the first half of them
        for (int i = 0; i < draws; ++i) {
            const Token token = coupledDraw(p, 11, i);
            tiny += token != 0;
            lower += token != 0 && token <= 2000;
        }
        const double expected = 0.004 * draws;
        MESSAGE(tiny, " tiny ones of ", draws, " draws, ", lower, " in the first half; expected ", expected);
        CHECK(std::abs(tiny - expected) / std::sqrt(expected) < bound);
        CHECK(std::abs(lower - tiny / 2) / std::sqrt(tiny / 4) < bound);
    }

    TEST_CASE("what is certain is drawn, whatever the seed") {
        for (int i = 0; i < 1000; ++i) {
            CHECK(coupledDraw(Distribution::certain(17), static_cast<uint64_t>(i), i) == 17);
        }
    }

    TEST_CASE("draws at neighbouring positions and seeds are independent") {
        const Distribution p = dense({5, 3, 1, 1});
        const Distribution q = dense({1, 2, 3});
        const auto pairOf = [&](uint64_t seedA, int positionA, uint64_t seedB, int positionB) {
            return std::pair(coupledDraw(p, seedA, positionA), coupledDraw(q, seedB, positionB));
        };
        const auto u = [](int i) { return static_cast<uint64_t>(i); };
        checkIndependence(
            "positions t, t + 1", [&](int i) { return pairOf(7, i, 7, i + 1); }, p, q);
        checkIndependence(
            "positions t, t + 4096", [&](int i) { return pairOf(8, i, 8, i + 4096); }, p, q);
        checkIndependence(
            "seeds s, s + 1", [&](int i) { return pairOf(u(i), 20, u(i) + 1, 20); }, p, q);
        checkIndependence(
            "seed and position exchanged", [&](int i) { return pairOf(u(i), i + 1, u(i) + 1, i); }, p, q);
        checkIndependence(
            "seed + position constant", [&](int i) { return pairOf(u(i), 9, u(i) + 1, 8); }, p, q);
        checkIndependence(
            "seeds s, -s", [&](int i) { return pairOf(u(i) + 1, 3, ~u(i), 3); }, p, q);
    }

    TEST_CASE("draws for neighbouring tokens of one position are independent") {
        // The winners of two pairs of tokens: {0, 1} and {2, 3}.
        const Distribution p = Distribution::sparse({0, 1}, {0.5, 0.5});
        const Distribution q = Distribution::sparse({2, 3}, {0.4, 0.6});
        checkIndependence(
            "tokens", [&](int i) { return std::pair(coupledDraw(p, 1, i), coupledDraw(q, 1, i) - 2); }, p, q);
        const Distribution r = Distribution::sparse({1, 2}, {0.5, 0.5});
        const Distribution s = Distribution::sparse({3, 0}, {0.5, 0.5});
        checkIndependence(
            "tokens, seeds",
            [&](int i) {
                const auto seed = static_cast<uint64_t>(i);
                return std::pair(coupledDraw(r, seed, 1) - 1, coupledDraw(s, seed, 1) == 3 ? 0 : 1);
            },
            r, s);
    }

    TEST_CASE("the dense and the sparse form of a distribution give the same token") {
        std::mt19937_64 generator(2);
        for (int i = 0; i < 2000; ++i) {
            const auto weights = randomWeights(1 + generator() % 200, 2, 0.7, generator);
            const uint64_t seed = generator();
            const int position = static_cast<int>(generator() % 10000);
            CHECK(coupledDraw(dense(weights), seed, position) == coupledDraw(sparse(weights), seed, position));
        }
    }

    TEST_CASE("the shortcut gives the token of the largest log p + Gumbel noise") {
        std::mt19937_64 generator(3);
        for (int i = 0; i < 6000; ++i) {
            const double spread = 0.1 + static_cast<double>(generator() % 100) / 10; // from even to all but certain
            const auto weights = randomWeights(1 + generator() % 300, spread, i % 3 == 0 ? 0.5 : 0, generator);
            const Distribution p = i % 2 == 0 ? dense(weights) : sparse(weights);
            const uint64_t seed = generator();
            const int position = static_cast<int>(generator() % 100000);
            INFO("draw ", i);
            CHECK(coupledDraw(p, seed, position) == naiveDraw(p, seed, position));
        }
    }

    // Daliri et al. 2025: two coupled draws agree with at least (1 - TV) / (1 + TV); independent ones much
    // less often.
    TEST_CASE("draws from similar distributions agree as often as coupling promises") {
        constexpr int draws = 20000;
        std::mt19937_64 generator(4);
        double most = 0; // of what the best coupling, rejection sampling's, would reach
        double least = 1;
        for (int i = 0; i < 12; ++i) {
            const auto weights = randomWeights(50, 1.5, 0, generator);
            std::normal_distribution<double> change(0, 0.1 * (1 + i));
            auto changed = weights;
            for (double& weight : changed) {
                weight *= std::exp(change(generator));
            }
            const Distribution p = dense(weights);
            const Distribution q = dense(changed);
            int agreed = 0;
            for (int position = 0; position < draws; ++position) {
                agreed += coupledDraw(p, 5, position) == coupledDraw(q, 5, position);
            }
            const double tv = variation(p, q);
            const double promised = (1 - tv) / (1 + tv);
            const double frequency = static_cast<double>(agreed) / draws;
            const double noise = std::sqrt(0.25 / draws);
            INFO("total variation ", tv, ", promised ", promised, ", agreed ", frequency);
            CHECK(frequency >= promised - bound * noise);
            CHECK(frequency <= 1 - tv + bound * noise); // no coupling agrees more often
            most = std::max(most, frequency / (1 - tv));
            least = std::min(least, frequency / (1 - tv));
        }
        MESSAGE("agreement is ", least, " to ", most, " of the most that is possible");
    }

    TEST_CASE("the coupled verifier accepts what the target's own draws are, and adds the draw after them") {
        std::mt19937_64 generator(6);
        Random unused(1);
        int accepted = 0;
        for (int i = 0; i < 2000; ++i) {
            const int count = static_cast<int>(generator() % 5);
            const uint64_t seed = generator();
            const int position = static_cast<int>(generator() % 1000);
            std::vector<Distribution> p;
            std::vector<Distribution> q;
            std::vector<Token> drafted;
            for (int j = 0; j <= count; ++j) {
                const auto weights = randomWeights(8, 2, 0.2, generator);
                p.push_back(j % 2 == 0 ? dense(weights) : sparse(weights));
                if (j < count) {
                    q.push_back(dense(randomWeights(8, 2, 0, generator)));
                    // What the target will draw, or another.
                    drafted.push_back(generator() % 3 == 0 ? static_cast<Token>(generator() % 8)
                                                           : naiveDraw(p.back(), seed, position + j));
                }
            }
            const bool hasBonusRow = generator() % 2 == 0 || count == 0;
            const VerifierInput input{drafted,     q,    [&](int j) -> const Distribution& { return p.at(j); },
                                      hasBonusRow, seed, position};
            const Verdict verdict = coupledSampling.verify(input, unused);
            int expected = 0;
            while (expected < count && drafted[expected] == naiveDraw(p[expected], seed, position + expected)) {
                ++expected;
            }
            CHECK(verdict.accepted == expected);
            if (expected < count || hasBonusRow) {
                CHECK(verdict.next == naiveDraw(p[expected], seed, position + expected));
            } else {
                CHECK(verdict.next == std::nullopt);
            }
            accepted += verdict.accepted;
        }
        CHECK(accepted > 1000);
        CHECK(unused.next() == Random(1).next()); // it draws no other number
    }

} // TEST_SUITE
