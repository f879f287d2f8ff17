#include "random.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace specdecpp;

TEST_SUITE("random") {

    TEST_CASE("the numbers are SplitMix64's") {
        // The first outputs of the reference implementation (prng.di.unimi.it/splitmix64.c) for this seed.
        Random random(1234567);
        CHECK(random.next() == 6457827717110365317U);
        CHECK(random.next() == 3203168211198807973U);
        CHECK(random.next() == 9817491932198370423U);
    }

    TEST_CASE("the same seed gives the same numbers, another seed others") {
        Random a(1);
        Random b(1);
        Random c(2);
        const uint64_t first = a.next();
        CHECK(first == b.next());
        CHECK(first != c.next());
    }

    TEST_CASE("uniform stays in [0, 1) and has the mean and the variance of a uniform number") {
        const uint64_t seed = 99;
        INFO("seed ", seed);
        Random random(seed);
        constexpr int count = 200000;
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < count; ++i) {
            const double u = random.uniform();
            REQUIRE(u >= 0);
            REQUIRE(u < 1);
            sum += u - 0.5;
            squares += (u - 0.5) * (u - 0.5) - 1.0 / 12;
        }
        CHECK(std::abs(sum / std::sqrt(count / 12.0)) < 4);
        CHECK(std::abs(squares / std::sqrt(count / 180.0)) < 4); // Var (u - 1/2)^2 = 1/80 - 1/144 = 1/180
    }

} // TEST_SUITE
