// A head step by step: against the same in double precision, on both ways of working it out.

#include "head-graph.h"
#include "head-scorer.h"
#include "small-trunk.h"

#include "support/demo-head.h"
#include "support/demo.h"
#include "support/error-code.h"
#include "support/head-reference.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr uint64_t seed = 99;

ggml_backend_dev_t processor() {
    loadTestBackends();
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

std::vector<HeadFeatures> someFeatures() {
    std::vector<HeadFeatures> features(3);
    features[0] = {{0.6, 0.25, 0.81}, 0, 1, std::log(0.5), {}};
    features[1] = {{0.9, 0.85, 0.3}, 1, 0.7, std::log(0.9), {{0.6, 0.25, 0.81}, std::log(0.5)}};
    features[2] = {{1, 1, 0}, 7, 0, 0, {{0.2, 0.01, 3}, std::log(1e-12)}};
    return features;
}

// The largest difference of a head's logits from the reference, by the width of what they spread over.
double largestError(const HeadShape& shape, const std::string& type) {
    const auto head = makeHead(shape, type);
    HeadScorer scorer(head, processor(), 1);
    const std::vector<float> weights = head->file().parameters();
    const std::vector<double> parameters(weights.begin(), weights.end());
    const RandomExamples data(paperShape(shape.width, 0, false), 20, seed);
    double error = 0;
    double largest = 0;
    std::vector<float> state(static_cast<size_t>(shape.width));
    for (size_t i = 0; i < data.stateOf.size(); ++i) {
        const size_t row = static_cast<size_t>(data.stateOf[i]) * state.size();
        ggml_fp16_to_fp32_row(data.states.data() + row, state.data(), shape.width);
        scorer.read(state.data());
        for (const HeadFeatures& features : someFeatures()) {
            std::vector<float> scalars(HeadFeatures::names().size());
            features.write(scalars);
            const std::vector<double> expected =
                referenceScores(shape, head->file().scaling, parameters,
                                {data.states, std::span<const int32_t>(data.stateOf).subspan(i, 1), scalars, {}});
            for (int output = 0; output < shape.outputs(); ++output) {
                const double logit = scorer.logit(static_cast<HeadOutput>(output), features);
                error = std::max(error, std::abs(logit - expected[static_cast<size_t>(output)]));
                largest = std::max(largest, std::abs(expected[static_cast<size_t>(output)]));
            }
        }
    }
    CHECK(largest > 0.5);
    return error / largest;
}

} // namespace

TEST_SUITE("head scorer") {

    TEST_CASE("a small head's logits are those of the formulas, for every type of weights") {
        for (const char* type : {"f32", "f16", "q8_0"}) {
            CAPTURE(type);
            for (const HeadShape& shape :
                 {headShapeOfAllColumns(64, 2, false, 8), headShapeOfAllColumns(96, 3, true, 33),
                  headShapeOfAllColumns(32, 0, false, 4), paperShape(64, 4, true), paperShape(64, 1, false)}) {
                CAPTURE(shape.description());
                CHECK(largestError(shape, type) < 1e-5);
            }
        }
    }

    TEST_CASE("a large head's logits are those of the formulas, but for what ggml rounds") {
        const std::map<std::string, double> roundings = {{"f32", 1e-5}, {"f16", 2e-3}, {"q8_0", 2e-2}};
        for (const auto& [type, rounding] : roundings) {
            CAPTURE(type);
            for (const HeadShape& shape : {headShapeOfAllColumns(288, 2, false, 8), paperShape(288, 3, true)}) {
                CAPTURE(shape.description());
                CHECK(largestError(shape, type) < rounding);
            }
        }
    }

    TEST_CASE("which way a head is worked out depends on its width") {
        const auto isGraph = [](int width) {
            const auto head = makeHead(paperShape(width, 1, false), "f32");
            return dynamic_cast<HeadGraph*>(makeTrunk(head->file(), processor(), 1).get()) != nullptr;
        };
        CHECK_FALSE(isGraph(256));
        CHECK(isGraph(257));
    }

    TEST_CASE("what a drawn token is changes only what is said of it") {
        const auto head = makeHead(headShapeOfAllColumns(64, 1, false, 8), "f32");
        HeadScorer scorer(head, processor(), 1);
        scorer.read(std::vector<float>(64, 0.5F).data());
        HeadFeatures features = someFeatures()[1];
        const double said[] = {scorer.logit(older, features), scorer.logit(before, features),
                               scorer.logit(newest, features)};
        features.logProbability = std::log(0.01);
        CHECK(scorer.logit(older, features) == said[older]);
        CHECK(scorer.logit(before, features) == said[before]);
        CHECK(scorer.logit(newest, features) != said[newest]);
    }

    TEST_CASE("a paper's head says nothing but of the token that was read again") {
        HeadScorer scorer(makeHead(paperShape(64, 1, false), "f32"), processor(), 1);
        scorer.read(std::vector<float>(64, 0.5F).data());
        CHECK(scorer.has(older));
        CHECK_FALSE(scorer.has(before));
        CHECK(std::isfinite(scorer.logit(older, someFeatures()[1])));
        CHECK(std::isnan(scorer.logit(newest, someFeatures()[1])));
    }

    TEST_CASE("a head that reads what this version does not know is refused") {
        HeadShape shape = headShapeOfAllColumns(64, 1, false, 8);
        shape.columns.back() = "of another version";
        const auto head = makeHead(shape, "f32");
        CHECK(errorCode([&] { HeadScorer scorer(head, processor(), 1); }) == "ERR_HEAD_MISMATCH");
    }

} // TEST_SUITE
