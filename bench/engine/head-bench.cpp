// What heads cost: training on a million examples, and the scores of one step of a draft. Prints a line
// of JSON for each case. Usage: head-bench [threads] [examples]

#include "backend.h"
#include "head-features.h"
#include "head-file.h"
#include "head-graph.h"
#include "head-trainer.h"
#include "random.h"
#include "small-trunk.h"
#include "stopwatch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
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

HeadScaling neutral(const HeadShape& shape) {
    return {std::vector<float>(shape.columns.size(), 0.0F), std::vector<float>(shape.columns.size(), 1.0F)};
}

void measureTraining(const HeadShape& shape, int threads, size_t count, int batch) {
    const Examples examples = makeExamples(shape, count);
    HeadTrainerOptions options;
    options.shape = shape;
    options.threads = threads;
    options.scaling = neutral(shape);
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

// Microseconds of a trunk, median and quartiles; each time after a pass over so many bytes, as the draft's weights
// pass through the caches between two steps.
void measureTrunk(const char* name, HeadTrunk& trunk, const HeadFile& file, int threads, size_t between) {
    constexpr int runs = 200;
    std::vector<float> state(static_cast<size_t>(file.shape.width), 0.5F);
    std::vector<float> out;
    std::vector<uint64_t> others(between / sizeof(uint64_t), 1);
    std::vector<double> micros;
    uint64_t sum = 0;
    for (int i = 0; i < runs; ++i) {
        for (const uint64_t other : others) {
            sum += other;
        }
        state[0] = static_cast<float>(sum % 2); // so that the pass is not optimized away
        const Stopwatch watch;
        trunk.evaluate(state.data(), out);
        micros.push_back(watch.micros());
    }
    std::sort(micros.begin(), micros.end());
    std::printf("{\"case\":\"a step, %s\",\"width\":%d,\"depth\":%d,\"type\":\"%s\",\"threads\":%d,\"betweenBytes\":%zu,"
                "\"micros\":%.1f,\"lower\":%.1f,\"upper\":%.1f}\n",
                name, file.shape.width, file.shape.depth, file.type.c_str(), threads, between, micros[runs / 2],
                micros[runs / 4], micros[runs * 3 / 4]);
}

HeadFile makeFile(const HeadShape& shape, const std::string& type) {
    std::vector<float> parameters(shape.parameters());
    Random random(2);
    for (float& parameter : parameters) {
        parameter = static_cast<float>(0.1 * random.uniform() - 0.05);
    }
    const auto path = std::filesystem::temp_directory_path() / "specdecpp-head-bench.gguf";
    writeHead(path.string(), shape, neutral(shape), parameters, {}, type);
    HeadFile file = readHead(path.string());
    std::filesystem::remove(path);
    return file;
}

void measureSteps(int threads) {
    ggml_backend_dev_t processor = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    for (const char* type : {"f32", "f16", "q8_0"}) {
        const HeadFile file = makeFile(fullShape(128, 3), type);
        SmallTrunk small(file);
        HeadGraph graph(file, processor, 1);
        for (const size_t between : {size_t{0}, size_t{1} << 20U, size_t{4} << 20U}) {
            measureTrunk("small", small, file, 1, between);
            measureTrunk("graph", graph, file, 1, between);
        }
    }
    const HeadFile large = makeFile(fullShape(4096, 3), "q8_0");
    for (int used = 1; used <= threads; ++used) {
        HeadGraph graph(large, processor, used);
        measureTrunk("graph", graph, large, used, 0);
    }
}

} // namespace

int main(int argc, char** argv) {
    const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
    const size_t count = argc > 2 ? static_cast<size_t>(std::atoll(argv[2])) : 1000000;
    loadBackends(SPECDECPP_BACKENDS);
    measureSteps(threads);
    for (const int batch : {32, 256}) {
        measureTraining(fullShape(128, 3), threads, count, batch);
    }
    HeadShape paper;
    paper.width = 128;
    paper.depth = 3;
    measureTraining(paper, threads, count, 256);
    return 0;
}
