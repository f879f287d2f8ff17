// What one position costs outside llama.cpp at large vocabularies: working out a distribution, drawing
// from it, and what the verifiers do with it. Prints a line of JSON for each case; times in
// microseconds, the median and the quartiles of many runs.

#include "coupling.h"
#include "rejection-sampling.h"
#include "sampling.h"
#include "stop-rule.h"
#include "stopwatch.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

using namespace specdecpp;

namespace {

// Logits as language models have them: a few high ones, with most of the mass, over a wide normal body.
std::vector<float> makeLogits(int size, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> body(0, 2.5F);
    std::vector<float> logits(static_cast<size_t>(size));
    for (float& logit : logits) {
        logit = body(generator);
    }
    for (int i = 0; i < 30; ++i) {
        logits[generator() % logits.size()] += 20 - 0.3F * static_cast<float>(i);
    }
    return logits;
}

template <typename Work> void measure(const std::string& name, int size, Work work) {
    constexpr int runs = 60;
    std::vector<double> micros;
    for (int i = 0; i < runs; ++i) {
        const Stopwatch watch;
        work(i);
        micros.push_back(watch.micros());
    }
    std::sort(micros.begin(), micros.end());
    std::printf("{\"case\":\"%s\",\"vocabulary\":%d,\"micros\":%.1f,\"lower\":%.1f,\"upper\":%.1f}\n", name.c_str(), size,
                micros[runs / 2], micros[runs / 4], micros[runs * 3 / 4]);
}

} // namespace

int main() {
    double sink = 0;
    for (const int size : {4096, 32000, 131072, 262144}) {
        const std::vector<std::vector<float>> logits = {makeLogits(size, 1), makeLogits(size, 2), makeLogits(size, 3)};
        const auto run = [&](const std::string& name, const SamplingSettings& settings) {
            measure(name + ": distribution and draw", size, [&](int i) {
                sink += nextTokenDistribution(logits[static_cast<size_t>(i) % 3], {}, settings).sample(0.5);
            });
            const Distribution p = nextTokenDistribution(logits[0], {}, settings);
            const Distribution q = nextTokenDistribution(logits[1], {}, settings);
            measure(name + ": residual", size, [&](int) { sink += residual(p, q).sample(0.5); });
            measure(name + ": shape", size, [&](int) { sink += shapeOf(p).entropy; });
            measure(name + ": coupled draw", size, [&](int i) { sink += coupledDraw(p, 1, i); });
        };
        SamplingSettings settings;
        measure("greedy", size, [&](int i) {
            sink += nextTokenDistribution(logits[static_cast<size_t>(i) % 3], {}, settings).mode();
        });
        settings.temperature = 0.8;
        run("no truncation", settings);
        settings.topK = 64;
        run("top-k 64", settings);
        settings.topP = 0.95;
        run("top-k 64, top-p 0.95", settings);
        settings.topK = 0;
        run("top-p 0.95", settings);
        settings.topP = 1;
        settings.minP = 0.05;
        run("min-p 0.05", settings);
        measure("log-probability", size, [&](int i) { sink += logProbability(logits[static_cast<size_t>(i) % 3], 5); });
    }
    return sink == 0.12345 ? 1 : 0; // so that the work is not optimized away
}
