// What rules look at: the shape of q, and estimates of acceptance made of it, by hand.

#include "stop-rule.h"

#include "support/rules.h"
#include "support/slow-features.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace specdecpp;

namespace {

bool near(double a, double b, double tolerance = 1e-12) {
    return std::abs(a - b) <= tolerance;
}

void checkShape(const Distribution& q, double mode, double margin, double entropy) {
    const Shape shape = shapeOf(q);
    CHECK(near(shape.mode, mode));
    CHECK(near(shape.margin, margin));
    CHECK(near(shape.entropy, entropy));
}

const Shape someShape{0.6, 0.25, 0.81};

} // namespace

TEST_SUITE("estimates") {

    TEST_CASE("the shape of a dense distribution, wherever its largest probabilities are") {
        const double entropy = -(0.5 * std::log(0.5) + 0.3 * std::log(0.3) + 0.2 * std::log(0.2));
        checkShape(Distribution::dense({0.5, 0.3, 0.2}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0.2, 0.3, 0.5}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0.3, 0.5, 0.2}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0, 0.3, 0, 0.5, 0.2, 0}), 0.5, 0.2, entropy);
    }

    TEST_CASE("the shape of a sparse distribution") {
        checkShape(Distribution::sparse({7, 900}, {0.4, 0.6}), 0.6, 0.2, -(0.4 * std::log(0.4) + 0.6 * std::log(0.6)));
    }

    TEST_CASE("the shape of a certain distribution") {
        checkShape(Distribution::certain(3), 1, 1, 0);
        checkShape(Distribution::dense({0, 1, 0}), 1, 1, 0);
    }

    TEST_CASE("the shape of an even distribution, and of one with two largest probabilities") {
        checkShape(Distribution::dense({0.25, 0.25, 0.25, 0.25}), 0.25, 0, std::log(4));
        checkShape(Distribution::dense({0.1, 0.45, 0, 0.45}), 0.45, 0, -(0.1 * std::log(0.1) + 0.9 * std::log(0.45)));
    }

    TEST_CASE("the shape of random distributions, entropy to a thousandth of a nat") {
        std::mt19937_64 generator(1);
        for (int i = 0; i < 200; ++i) {
            std::normal_distribution<double> logit(0, 0.1 * i);
            std::vector<double> weights(1 + generator() % 2000);
            double total = 0;
            for (double& weight : weights) {
                weight = std::exp(logit(generator));
                total += weight;
            }
            for (double& weight : weights) {
                weight /= total;
            }
            const Distribution q = Distribution::dense(weights);
            const Shape shape = shapeOf(q);
            const SlowFeatures features(q);
            CHECK(shape.mode == features.mode);
            CHECK(near(shape.margin, features.margin));
            CHECK(near(shape.entropy, features.entropy, 0.001));
        }
    }

    TEST_CASE("an estimate is the weighted sum of its features") {
        Estimate estimate;
        CHECK(estimate.of(someShape, -1.5) == 0);
        estimate.bias = 0.5;
        CHECK(near(estimate.of(someShape, -1.5), 0.5));
        estimate.logitMode = 2;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5)));
        estimate.rootEntropy = -1;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9));
        estimate.margin = 4;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9 + 1));
        estimate.logProbability = 0.1;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9 + 1 - 0.15));
        estimate.logRatio = 0.5;
        CHECK(near(estimate.of(someShape, -1.5), 0.85 + 2 * std::log(1.5) - 0.4 + 0.5 * std::log(0.6 / 0.35)));
        estimate.logRatio = 0;
        estimate.logOthers = 3;
        CHECK(near(estimate.of(someShape, std::log(0.4)),
                   0.6 + 2 * std::log(1.5) + 0.1 * std::log(0.4) - 3 * std::log(0.6)));
    }

    TEST_CASE("an estimate goes through its link") {
        Estimate estimate;
        estimate.bias = 0.3;
        estimate.logProbability = 1;
        const double sum = 0.3 - 1.5;
        CHECK(near(estimate.of(someShape, -1.5), sum));
        estimate.link = Estimate::Link::logistic;
        CHECK(near(estimate.of(someShape, -1.5), 1 / (1 + std::exp(1.2))));
        estimate.link = Estimate::Link::exponential;
        CHECK(near(estimate.of(someShape, -1.5), std::exp(sum)));
    }

    TEST_CASE("the logistic link of the logit is the largest probability itself") {
        for (const double mode : {0.001, 0.3, 0.5, 0.999}) {
            CHECK(near(confidenceGate(0).estimate.of({mode, 0, 0}, 0), mode));
        }
    }

    TEST_CASE("an estimate stays finite where q is certain and where a token is impossible") {
        Estimate estimate;
        estimate.logitMode = 1;
        CHECK(near(estimate.of({1, 1, 0}, 0), std::log((1 - 1e-9) / 1e-9), 1e-6));
        CHECK(near(Estimate{.logRatio = 1}.of({1, 1, 0}, 0), std::log(1e6)));
        CHECK(near(Estimate{.logOthers = 1}.of({1, 1, 0}, 0), std::log(1e9)));
        estimate.logitMode = 0;
        estimate.logProbability = 1;
        CHECK(near(estimate.of({1, 1, 0}, -std::numeric_limits<double>::infinity()), std::log(1e-9)));
        estimate.logProbability = 0;
        CHECK(estimate.of({1, 1, 0}, -std::numeric_limits<double>::infinity()) == 0);
    }

} // TEST_SUITE
