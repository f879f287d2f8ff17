#include "distribution.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

using namespace specdecpp;

TEST_SUITE("distribution") {

    TEST_CASE("a dense distribution gives each token its probability, and none beyond its end") {
        const Distribution d = Distribution::dense({0.25, 0, 0.75});
        CHECK(d.probability(0) == 0.25);
        CHECK(d.probability(1) == 0);
        CHECK(d.probability(2) == 0.75);
        CHECK(d.probability(3) == 0);
    }

    TEST_CASE("a sparse distribution gives the tokens it leaves out the probability zero") {
        const Distribution d = Distribution::sparse({3, 7}, {0.5, 0.5});
        CHECK(d.probability(3) == 0.5);
        CHECK(d.probability(7) == 0.5);
        for (const Token token : {0, 2, 4, 6, 8}) {
            CHECK(d.probability(token) == 0);
        }
    }

    TEST_CASE("sample takes the token whose interval [low, high) of the cumulative distribution holds u") {
        const Distribution d = Distribution::dense({0.25, 0.5, 0.25});
        CHECK(d.sample(0) == 0);
        CHECK(d.sample(std::nextafter(0.25, 0)) == 0);
        CHECK(d.sample(0.25) == 1);
        CHECK(d.sample(std::nextafter(0.75, 0)) == 1);
        CHECK(d.sample(0.75) == 2);
        CHECK(d.sample(std::nextafter(1.0, 0)) == 2);
    }

    TEST_CASE("sample never takes a token of probability zero, at either end or between") {
        const Distribution d = Distribution::dense({0, 0.5, 0, 0.5, 0});
        CHECK(d.sample(0) == 1);
        CHECK(d.sample(std::nextafter(0.5, 0)) == 1);
        CHECK(d.sample(0.5) == 3);
        CHECK(d.sample(std::nextafter(1.0, 0)) == 3);
    }

    TEST_CASE("sample takes the last possible token when rounding leaves the sum below u") {
        const Distribution d = Distribution::dense({0.5, 0.4999, 0});
        CHECK(d.sample(std::nextafter(1.0, 0)) == 1);
    }

    TEST_CASE("mode is the most probable token, of several the lowest") {
        CHECK(Distribution::dense({0.2, 0.4, 0.4}).mode() == 1);
        CHECK(Distribution::sparse({5, 8, 9}, {0.2, 0.4, 0.4}).mode() == 8);
    }

    TEST_CASE("a certain distribution has one token, whatever u is") {
        const Distribution d = Distribution::certain(42);
        CHECK(d.probability(42) == 1);
        CHECK(d.mode() == 42);
        CHECK(d.sample(0) == 42);
        CHECK(d.sample(std::nextafter(1.0, 0)) == 42);
    }

    TEST_CASE("dense and sparse distributions of the same probabilities agree") {
        const unsigned seed = 20240501;
        INFO("seed ", seed);
        std::mt19937_64 generator(seed);
        std::uniform_real_distribution<double> uniform;
        for (int round = 0; round < 50; ++round) {
            std::vector<double> all(20);
            double total = 0;
            for (double& p : all) {
                p = uniform(generator) < 0.5 ? 0 : uniform(generator);
                total += p;
            }
            all[7] += 1; // at least one is possible
            total += 1;
            std::vector<Token> tokens;
            std::vector<double> some;
            for (size_t i = 0; i < all.size(); ++i) {
                all[i] /= total;
                if (all[i] > 0) {
                    tokens.push_back(static_cast<Token>(i));
                    some.push_back(all[i]);
                }
            }
            const Distribution dense = Distribution::dense(all);
            const Distribution sparse = Distribution::sparse(tokens, some);
            for (Token token = 0; token < 21; ++token) {
                CHECK(dense.probability(token) == sparse.probability(token));
            }
            for (int i = 0; i < 100; ++i) {
                const double u = uniform(generator);
                CHECK(dense.sample(u) == sparse.sample(u));
            }
            CHECK(dense.mode() == sparse.mode());
        }
    }

} // TEST_SUITE
