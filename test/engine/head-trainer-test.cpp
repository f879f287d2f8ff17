// Heads against the same in double precision (support/head-reference.h), and what training promises.

#include "head-trainer.h"

#include "support/error-code.h"
#include "support/head-reference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

// Widths that fill no vector; so many examples that the last chunk is not full.
constexpr int width = 19;
constexpr size_t examples = 37;
constexpr uint64_t seed = 20260;

std::vector<HeadShape> everyShape() {
    std::vector<HeadShape> shapes;
    for (int depth = 0; depth <= 4; ++depth) {
        for (const bool tied : {false, true}) {
            shapes.push_back(paperShape(width, depth, tied));
        }
    }
    shapes.push_back(fullShape(width, 0, false, 5, 3));
    shapes.push_back(fullShape(width, 2, false, 6, 3));
    shapes.push_back(fullShape(width, 3, true, 4, 18));
    shapes.push_back(fullShape(width, 1, false, 5, 0));
    return shapes;
}

HeadTrainerOptions optionsOf(const HeadShape& shape, int threads = 1) {
    HeadTrainerOptions options;
    options.shape = shape;
    options.scaling = someScaling(shape);
    options.seed = seed;
    options.threads = threads;
    options.rejectionWeight = 3;
    options.weightDecay = 0.01;
    return options;
}

std::vector<double> doubles(std::span<const float> numbers) {
    return {numbers.begin(), numbers.end()};
}

double largest(const std::vector<double>& numbers) {
    double most = 0;
    for (const double number : numbers) {
        most = std::max(most, std::abs(number));
    }
    return most;
}

// The first moments, which stand behind the parameters in a state.
std::vector<float> firstMoments(const HeadTrainer& trainer) {
    const std::vector<uint8_t> state = trainer.state();
    const size_t size = trainer.parameters().size();
    std::vector<float> moments(size);
    std::memcpy(moments.data(), state.data() + state.size() - 2 * size * sizeof(float), size * sizeof(float));
    return moments;
}

} // namespace

TEST_SUITE("head trainer") {

    TEST_CASE("logits are those of the formulas") {
        for (const HeadShape& shape : everyShape()) {
            CAPTURE(shape.description());
            const RandomExamples data(shape, examples, seed);
            HeadTrainer trainer(optionsOf(shape));
            trainer.setParameters(randomParameters(shape, seed + 1));
            const std::vector<double> expected =
                referenceScores(shape, someScaling(shape), doubles(trainer.parameters()), data.view());
            const std::vector<float> scores = trainer.scores(data.view());
            REQUIRE(scores.size() == expected.size());
            for (size_t i = 0; i < scores.size(); ++i) {
                CHECK(scores[i] == doctest::Approx(expected[i]).epsilon(1e-4));
            }
        }
    }

    TEST_CASE("losses and gradients are those of the formulas") {
        for (const HeadShape& shape : everyShape()) {
            CAPTURE(shape.description());
            const RandomExamples data(shape, examples, seed);
            const HeadTrainerOptions options = optionsOf(shape);
            HeadTrainer trainer(options);
            trainer.setParameters(randomParameters(shape, seed + 1));
            const std::vector<double> parameters = doubles(trainer.parameters());
            const float still = 0; // the rate: the first moment is a tenth of the gradient, and nothing moves
            const double loss = trainer.train(data.view(), examples, {&still, 1});
            CHECK(doubles(trainer.parameters()) == parameters);
            CHECK(loss == doctest::Approx(referenceLoss(shape, options.scaling, parameters, data.view(), 3)));

            const std::vector<double> expected =
                referenceGradient(shape, options.scaling, parameters, data.view(), options.rejectionWeight);
            const std::vector<float> moments = firstMoments(trainer);
            std::vector<double> differences;
            for (size_t i = 0; i < expected.size(); ++i) {
                differences.push_back(10.0 * moments[i] - expected[i]);
            }
            CHECK(largest(expected) > 0.01);
            CHECK(largest(differences) < 2e-6 * std::max(1.0, largest(expected)));
        }
    }

    TEST_CASE("batches are steps of AdamW, in the order of the examples") {
        for (const HeadShape& shape : {paperShape(5, 2, true), fullShape(5, 1, false, 3, 2)}) {
            CAPTURE(shape.description());
            const RandomExamples data(shape, examples, seed);
            const HeadTrainerOptions options = optionsOf(shape);
            HeadTrainer trainer(options);
            trainer.setParameters(randomParameters(shape, seed + 1));
            std::vector<double> parameters = doubles(trainer.parameters());
            std::vector<double> first(parameters.size());
            std::vector<double> second(parameters.size());
            const std::vector<float> rates = {0.01F, 0.03F, 0.02F};
            constexpr int batch = 16; // 16, 16 and 5
            trainer.train(data.view(), batch, rates);
            for (size_t step = 0; step < rates.size(); ++step) {
                const HeadExamples part = data.part(step * batch, std::min<size_t>(batch, examples - step * batch));
                const std::vector<double> gradient =
                    referenceGradient(shape, options.scaling, parameters, part, options.rejectionWeight);
                const double t = static_cast<double>(step + 1);
                for (const HeadTensor& tensor : shape.tensors()) {
                    for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
                        first[i] = 0.9 * first[i] + 0.1 * gradient[i];
                        second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
                        const double moved = first[i] / (1 - std::pow(0.9, t)) /
                                             (std::sqrt(second[i] / (1 - std::pow(0.999, t))) + 1e-8);
                        const double decay = tensor.isMatrix ? options.weightDecay * parameters[i] : 0;
                        if (gradient[i] != 0) { // of weights that a mask covers differences are rounding
                            parameters[i] -= rates[step] * (moved + decay);
                        }
                    }
                }
            }
            for (size_t i = 0; i < parameters.size(); ++i) {
                CHECK(trainer.parameters()[i] == doctest::Approx(parameters[i]).epsilon(1e-3));
            }
        }
    }

    TEST_CASE("any number of threads gives the same bytes") {
        for (const HeadShape& shape : {paperShape(width, 3, true), fullShape(width, 2, false, 6, 3)}) {
            const RandomExamples data(shape, 200, seed);
            const std::vector<float> rates(5, 0.01F);
            std::vector<uint8_t> one;
            for (const int threads : {1, 2, 3}) {
                CAPTURE(threads);
                HeadTrainerOptions options = optionsOf(shape, threads);
                options.stateDropout = 0.3;
                HeadTrainer trainer(options);
                trainer.train(data.view(), 48, rates);
                one = threads == 1 ? trainer.state() : one;
                CHECK(trainer.state() == one);
            }
        }
    }

    TEST_CASE("training that goes on from a state gives the same bytes") {
        const HeadShape shape = fullShape(width, 2, false, 6, 3);
        const RandomExamples data(shape, 64, seed);
        const std::vector<float> rates = {0.01F, 0.02F, 0.03F, 0.01F};
        HeadTrainerOptions options = optionsOf(shape);
        options.stateDropout = 0.3;
        HeadTrainer whole(options);
        whole.train(data.view(), 16, rates);
        HeadTrainer begun(options);
        begun.train(data.part(0, 32), 16, std::span<const float>(rates).first(2));
        HeadTrainer resumed(options);
        CHECK(resumed.state() != begun.state());
        resumed.restore(begun.state());
        resumed.train(data.part(32, 32), 16, std::span<const float>(rates).last(2));
        CHECK(resumed.state() == whole.state());
    }

    TEST_CASE("dropout leaves out its share of a state, others at every place, and keeps the mean") {
        constexpr size_t numbers = 1001; // no multiple of the four that are decided about at once
        const StateDropout dropout{0.3, seed};
        double kept = 0;
        std::vector<float> before(numbers);
        for (size_t place = 0; place < 100; ++place) {
            std::vector<float> state(numbers, 7.0F);
            dropout.apply(state, place);
            CHECK(state != before);
            before = state;
            for (const float number : state) {
                CHECK((number == 0 || number == doctest::Approx(10)));
                kept += number / 10;
            }
        }
        // 0.7 of 100,100 within five deviations, which are 0.0014.
        CHECK(kept / (100 * numbers) == doctest::Approx(0.7).epsilon(0.0104));
        std::vector<float> again(numbers, 7.0F);
        dropout.apply(again, 99);
        CHECK(again == before);
        std::vector<float> whole(numbers, 7.0F);
        StateDropout{0, seed}.apply(whole, 1);
        CHECK(whole == std::vector<float>(numbers, 7.0F));
    }

    TEST_CASE("training finds what states and scalars tell, and masks hide it") {
        HeadShape shape = fullShape(8, 1, false, 8, 2);
        RandomExamples data(shape, 2000, seed);
        for (size_t i = 0; i < data.stateOf.size(); ++i) {
            // The last column, which `before` cannot read, and the state say together whether Y_{k+1} stays.
            const float state = ggml_fp16_to_fp32(data.states[static_cast<size_t>(data.stateOf[i]) * 8]);
            data.labels[2 * i] = state > 0 ? 1.0F : 0.0F;
            data.labels[2 * i + 1] = state > 0 && data.scalars[2 * i + 1] > 0.5F ? 1.0F : 0.0F;
        }
        HeadTrainer trainer(optionsOf(shape));
        const std::vector<float> rates(40, 0.01F);
        for (int epoch = 0; epoch < 10; ++epoch) {
            trainer.train(data.view(), 50, rates);
        }
        const std::vector<float> scores = trainer.scores(data.view());
        double right[maxHeadOutputs] = {};
        for (size_t i = 0; i < scores.size(); ++i) {
            const float label = data.labels[2 * (i / 3) + (i % 3 == older ? 0 : 1)];
            right[i % 3] += (scores[i] > 0) == (label > 0.5F) ? 1.0 / 2000 : 0;
        }
        CHECK(right[older] > 0.97);
        CHECK(right[newest] > 0.95);
        CHECK(right[before] < 0.85);
    }

    TEST_CASE("what is of another shape is refused") {
        const HeadShape shape = paperShape(width, 2, false);
        HeadTrainer trainer(optionsOf(shape));
        std::vector<uint8_t> state = HeadTrainer(optionsOf(paperShape(width, 2, true))).state();
        CHECK(errorCode([&] { trainer.restore(state); }) == "ERR_INVALID_ARGUMENT");
        state = trainer.state();
        state.pop_back();
        CHECK(errorCode([&] { trainer.restore(state); }) == "ERR_INVALID_ARGUMENT");
        CHECK(errorCode([&] { trainer.setParameters(std::vector<float>(3)); }) == "ERR_INVALID_ARGUMENT");
        const RandomExamples data(shape, 8, seed);
        CHECK(errorCode([&] { trainer.train(data.view(), 4, std::vector<float>(3)); }) == "ERR_INVALID_ARGUMENT");
    }

    TEST_CASE("shapes that cannot be are refused") {
        const auto refused = [](HeadShape shape) {
            return errorCode([&] { HeadTrainer trainer(optionsOf(shape)); }) == "ERR_INVALID_ARGUMENT";
        };
        CHECK(refused(paperShape(0, 1, false)));
        CHECK(refused(paperShape(8, 5, false)));
        CHECK(refused(paperShape(8, -1, false)));
        CHECK(refused(fullShape(8, 1, false, 0, 2)));
        HeadShape shape = fullShape(8, 1, false, 4, 2);
        shape.masks.pop_back();
        CHECK(refused(shape));
        shape = fullShape(8, 1, false, 4, 2);
        shape.columns[1] = shape.columns[0];
        CHECK(refused(shape));
        HeadTrainerOptions options = optionsOf(fullShape(8, 1, false, 4, 2));
        options.scaling.deviation[1] = 0;
        CHECK(errorCode([&] { HeadTrainer trainer(options); }) == "ERR_INVALID_ARGUMENT");
    }

} // TEST_SUITE
