// What heads cost: training on a million examples, and the scores of one step of a draft. Prints a line
// of JSON for each case. Usage: head-bench [threads] [examples]

#include "head-features.h"
#include "head-trainer.h"
#include "random.h"
#include "stopwatch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace specdecpp;

namespace {

struct Examples {
    std::vector<ggml_fp16_t> states;
    std::vector<int32_t> stateOf;
    std::vector<float> scalars;
    std::vector<float> labels;

    HeadExamples view() const { return {states, stateOf, scalars, labels}; }
};

// Random ones: what is measured does not depend on what they say.
Examples makeExamples(const HeadShape& shape, size_t count) {
    Random random(1);
    Examples examples;
    const auto normal = [&] { return static_cast<float>(2 * random.uniform() - 1); };
    examples.states.resize(count * static_cast<size_t>(shape.width));
    for (ggml_fp16_t& number : examples.states) {
        number = ggml_fp32_to_fp16(normal());
    }
    for (size_t i = 0; i < count; ++i) {
        examples.stateOf.push_back(static_cast<int32_t>(i));
    }
    examples.scalars.resize(count * static_cast<size_t>(shape.scalars()));
    std::generate(examples.scalars.begin(), examples.scalars.end(), normal);
    examples.labels.resize(2 * count);
    std::generate(examples.labels.begin(), examples.labels.end(), [&] { return static_cast<float>(random.uniform()); });
    return examples;
}

HeadShape fullShape(int width, int depth) {
    HeadShape shape;
    shape.kind = HeadKind::full;
    shape.width = width;
    shape.depth = depth;
    shape.hidden = 32;
    shape.columns = HeadFeatures::names();
    for (int output = 0; output < maxHeadOutputs; ++output) {
        for (const std::string& name : shape.columns) {
            shape.masks.push_back(output == newest || !HeadFeatures::tellsOfDrawn(name) ? 1 : 0);
        }
    }
    return shape;
}

void measureTraining(const HeadShape& shape, int threads, size_t count, int batch) {
    const Examples examples = makeExamples(shape, count);
    HeadTrainerOptions options;
    options.shape = shape;
    options.threads = threads;
    options.scaling = {std::vector<float>(shape.columns.size(), 0.0F), std::vector<float>(shape.columns.size(), 1.0F)};
    HeadTrainer trainer(options);
    const std::vector<float> rates((count + static_cast<size_t>(batch) - 1) / static_cast<size_t>(batch), 1e-3F);
    const Stopwatch watch;
    const double loss = trainer.train(examples.view(), batch, rates);
    const double seconds = watch.micros() / 1e6;
    const Stopwatch scoring;
    const size_t scores = trainer.scores(examples.view()).size();
    std::printf("{\"case\":\"an epoch\",\"kind\":\"%s\",\"width\":%d,\"depth\":%d,\"batch\":%d,\"threads\":%d,\"examples\":%zu,"
                "\"seconds\":%.2f,\"loss\":%.4f,\"scoringSeconds\":%.2f,\"scores\":%zu}\n",
                shape.kind == HeadKind::full ? "full" : "paper", shape.width, shape.depth, batch, threads, count, seconds,
                loss, scoring.micros() / 1e6, scores);
}

} // namespace

int main(int argc, char** argv) {
    const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
    const size_t count = argc > 2 ? static_cast<size_t>(std::atoll(argv[2])) : 1000000;
    for (const int batch : {32, 256}) {
        measureTraining(fullShape(128, 3), threads, count, batch);
    }
    HeadShape paper;
    paper.width = 128;
    paper.depth = 3;
    measureTraining(paper, threads, count, 256);
    return 0;
}
