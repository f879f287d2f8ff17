#include "head-trainer.h"

#include "error.h"
#include "head-kernels.h"
#include "random.h"

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <system_error>
#include <thread>

namespace specdecpp {

namespace {

int chunksOf(size_t examples) {
    return static_cast<int>((examples + lanes - 1) / lanes);
}

// Threads at one piece of work: which one of how many this is, and where they wait for each other.
struct Worker {
    int index;
    int count;
    std::barrier<>& barrier;
};

// `work` must not throw. Fewer threads where the system gives no more.
void onThreads(int threads, const std::function<void(const Worker&)>& work) {
    std::promise<void> start; // when it is known how many there are
    const std::shared_future<void> started = start.get_future().share();
    std::optional<std::barrier<>> barrier;
    int count = 1;
    std::vector<std::thread> others;
    try {
        others.reserve(static_cast<size_t>(threads - 1));
        for (int i = 1; i < threads; ++i) {
            others.emplace_back([&, i, started] {
                started.wait();
                work({i, count, *barrier});
            });
        }
    } catch (const std::system_error&) {
    }
    count = static_cast<int>(others.size()) + 1;
    barrier.emplace(count);
    start.set_value();
    work({0, count, *barrier});
    for (std::thread& other : others) {
        other.join();
    }
}

// What a checkpoint begins with.
constexpr char stateMark[8] = {'S', 'D', 'H', 'E', 'A', 'D', '0', '1'};

} // namespace

HeadTrainer::HeadTrainer(HeadTrainerOptions options) : options_(std::move(options)) {
    options_.shape.check();
    options_.scaling.check(options_.shape);
    if (options_.threads < 1 || !(options_.rejectionWeight > 0) || !std::isfinite(options_.rejectionWeight) ||
        !(options_.weightDecay >= 0) || !std::isfinite(options_.weightDecay) || !(options_.stateDropout >= 0) ||
        !(options_.stateDropout < 1)) {
        throw EngineError("ERR_INVALID_ARGUMENT", "A head's trainer needs a thread, a weight of rejections above 0, a "
                                                  "weight decay of at least 0 and a dropout of states from 0 to 1.");
    }
    parameters_.resize(shape().parameters());
    first_.resize(parameters_.size());
    second_.resize(parameters_.size());
    initialize();
}

void HeadTrainer::initialize() {
    Random random(options_.seed);
    for (const HeadTensor& tensor : shape().tensors()) {
        if (!tensor.isMatrix || tensor.name.starts_with("blk.")) {
            continue;
        }
        const double bound = 1 / std::sqrt(tensor.columns);
        float* weights = parameters_.data() + tensor.offset;
        for (size_t i = 0; i < tensor.size(); ++i) {
            weights[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
        }
        // What an output may not read has the weight zero, and stays there.
        if (tensor.columns == shape().scalars() && (tensor.name == "scalars.weight" || tensor.name == "skip.weight")) {
            const int rows = tensor.rows / maxHeadOutputs;
            for (size_t i = 0; i < tensor.size(); ++i) {
                const size_t row = i / static_cast<size_t>(tensor.columns);
                const size_t column = i % static_cast<size_t>(tensor.columns);
                const size_t output = row / static_cast<size_t>(rows);
                weights[i] *= shape().masks[output * static_cast<size_t>(tensor.columns) + column];
            }
        }
    }
}

double HeadTrainer::train(const HeadExamples& examples, int batch, std::span<const float> rates) {
    const size_t count = examples.size();
    const auto size = static_cast<size_t>(std::max(batch, 1));
    if (batch < 1 || rates.size() != (count + size - 1) / size || examples.labels.size() != 2 * count) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "Training needs two labels for each example, batches of at least one, and a learning rate "
                          "for each batch.");
    }
    HeadNetwork network(shape(), options_.scaling, chunksOf(std::min(size, count)));
    std::vector<HeadNetwork::Loss> losses(static_cast<size_t>(chunksOf(size)));
    std::vector<HeadNetwork::Scratch> scratches(static_cast<size_t>(options_.threads), network.makeScratch());
    std::vector<std::vector<float>> gradients(static_cast<size_t>(options_.threads),
                                              std::vector<float>(network.gradientSize()));
    HeadNetwork::Loss total;
    onThreads(options_.threads, [&](const Worker& worker) {
        HeadNetwork::Scratch& scratch = scratches[static_cast<size_t>(worker.index)];
        float* gradient = gradients[static_cast<size_t>(worker.index)].data();
        for (size_t i = 0; i < rates.size(); ++i) {
            const size_t begin = i * size;
            const size_t end = std::min(count, begin + size);
            const int chunks = chunksOf(end - begin);
            const StateDropout dropout{options_.stateDropout, mixed(options_.seed) ^ mixed(steps_ + i)};
            for (int chunk = worker.index; chunk < chunks; chunk += worker.count) {
                const size_t first = begin + static_cast<size_t>(chunk) * lanes;
                network.forward(parameters_.data(), examples, first, end, chunk, scratch, dropout);
                losses[static_cast<size_t>(chunk)] = network.backward(parameters_.data(), examples, first, end, chunk,
                                                                      options_.rejectionWeight, scratch);
            }
            worker.barrier.arrive_and_wait();
            HeadNetwork::Loss loss;
            for (int chunk = 0; chunk < chunks; ++chunk) {
                loss.sum += losses[static_cast<size_t>(chunk)].sum;
                loss.labels += losses[static_cast<size_t>(chunk)].labels;
            }
            const double power = static_cast<double>(steps_ + i + 1);
            AdamStep step{};
            step.rate = rates[i];
            step.scale = static_cast<float>(1 / std::max(loss.labels, 1.0));
            step.correction1 = static_cast<float>(1 / (1 - std::pow(0.9, power)));
            step.correction2 = static_cast<float>(1 / (1 - std::pow(0.999, power)));
            for (size_t j = static_cast<size_t>(worker.index); j < network.gradients().size();
                 j += static_cast<size_t>(worker.count)) {
                update(network.gradients()[j], step, chunks, gradient);
            }
            if (worker.index == 0) {
                total.sum += loss.sum;
                total.labels += loss.labels;
            }
            worker.barrier.arrive_and_wait();
        }
    });
    steps_ += rates.size();
    return total.labels == 0 ? 0 : total.sum / total.labels;
}

void HeadTrainer::update(const HeadNetwork::Gradient& piece, AdamStep step, int chunks, float* gradient) {
    HeadNetwork::evaluate(piece, chunks, gradient);
    step.decay = piece.decays ? static_cast<float>(step.rate * options_.weightDecay) : 0;
    const auto columns = static_cast<size_t>(piece.columns);
    for (int row = 0; row < piece.rows; ++row) {
        const size_t at = piece.offset + static_cast<size_t>(row) * columns;
        adamW(step, gradient + row * HeadNetwork::gradientStride(piece), &parameters_[at], &first_[at], &second_[at],
              columns);
    }
}

std::vector<float> HeadTrainer::scores(const HeadExamples& examples) const {
    return headScores(shape(), options_.scaling, parameters_, examples, options_.threads);
}

std::vector<float> headScores(const HeadShape& shape, const HeadScaling& scaling, std::span<const float> parameters,
                              const HeadExamples& examples, int threads) {
    const auto outputs = static_cast<size_t>(shape.outputs());
    std::vector<float> all(examples.size() * outputs);
    std::vector<HeadNetwork> networks;
    std::vector<HeadNetwork::Scratch> scratches;
    for (int i = 0; i < threads; ++i) {
        networks.emplace_back(shape, scaling, 1);
        scratches.push_back(networks.back().makeScratch());
    }
    const int chunks = chunksOf(examples.size());
    onThreads(threads, [&](const Worker& worker) {
        HeadNetwork& network = networks[static_cast<size_t>(worker.index)];
        float scores[maxHeadOutputs * lanes];
        for (int chunk = worker.index; chunk < chunks; chunk += worker.count) {
            const size_t first = static_cast<size_t>(chunk) * lanes;
            network.forward(parameters.data(), examples, first, examples.size(), 0,
                            scratches[static_cast<size_t>(worker.index)]);
            network.scores(0, scores);
            for (size_t lane = 0; lane < std::min<size_t>(lanes, examples.size() - first); ++lane) {
                for (size_t output = 0; output < outputs; ++output) {
                    all[(first + lane) * outputs + output] = scores[output * lanes + lane];
                }
            }
        }
    });
    return all;
}

std::vector<uint8_t> HeadTrainer::state() const {
    const std::string description = shape().description();
    const uint64_t numbers[] = {steps_, description.size(), parameters_.size()};
    const size_t floats = parameters_.size() * sizeof(float);
    std::vector<uint8_t> bytes(sizeof stateMark + sizeof numbers + description.size() + 3 * floats);
    uint8_t* to = bytes.data();
    const auto put = [&](const void* data, size_t size) {
        std::memcpy(to, data, size);
        to += size;
    };
    put(stateMark, sizeof stateMark);
    put(numbers, sizeof numbers);
    put(description.data(), description.size());
    put(parameters_.data(), floats);
    put(first_.data(), floats);
    put(second_.data(), floats);
    return bytes;
}

void HeadTrainer::restore(std::span<const uint8_t> state) {
    // All but the number of steps is as it would be written now.
    std::vector<uint8_t> expected = this->state();
    const size_t values = 3 * parameters_.size() * sizeof(float);
    const size_t head = expected.size() - values;
    const size_t stepsAt = sizeof stateMark;
    const auto same = [&](size_t from, size_t to) {
        return std::equal(expected.begin() + static_cast<ptrdiff_t>(from),
                          expected.begin() + static_cast<ptrdiff_t>(to), state.begin() + static_cast<ptrdiff_t>(from));
    };
    if (state.size() != expected.size() || !same(0, stepsAt) || !same(stepsAt + sizeof steps_, head)) {
        throw EngineError("ERR_INVALID_ARGUMENT", "The checkpoint is not one of a head of this shape (" +
                                                      shape().description() + "). Give it to the head it was made of.");
    }
    std::memcpy(&steps_, state.data() + stepsAt, sizeof steps_);
    size_t at = head;
    for (std::vector<float>* each : {&parameters_, &first_, &second_}) {
        std::memcpy(each->data(), state.data() + at, each->size() * sizeof(float));
        at += each->size() * sizeof(float);
    }
}

void HeadTrainer::setParameters(std::span<const float> parameters) {
    if (parameters.size() != parameters_.size()) {
        throw EngineError("ERR_INVALID_ARGUMENT", "A head of this shape (" + shape().description() + ") has " +
                                                      std::to_string(parameters_.size()) + " parameters, but " +
                                                      std::to_string(parameters.size()) + " were given.");
    }
    std::copy(parameters.begin(), parameters.end(), parameters_.begin());
}

} // namespace specdecpp
