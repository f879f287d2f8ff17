#pragma once

#include "head-kernels.h"
#include "head-network.h"

#include <cstdint>
#include <span>
#include <vector>

namespace specdecpp {

struct HeadTrainerOptions {
    HeadShape shape;
    HeadScaling scaling;
    uint64_t seed = 0; // of the first weights
    int threads = 1;
    double rejectionWeight = 1;
    double weightDecay = 0;  // of matrices
    double stateDropout = 0; // the share of a state's numbers that a step leaves out, [0, 1)
};

// Trains a head by AdamW. The same calls give the same bytes with any number of threads: chunks of a batch and
// rows of a gradient are each worked out by one thread, in one order.
class HeadTrainer {
public:
    // New weights: those of the blocks are zero, as in SpecDec++, those of the outputs uniform with a
    // deviation of 1/√(3 inputs). Throws ERR_INVALID_ARGUMENT for a shape or numbers that cannot be.
    explicit HeadTrainer(HeadTrainerOptions options);

    // Takes over what state() gave, or the parameters alone, for a start of training.
    // Throws ERR_INVALID_ARGUMENT for what is of another shape.
    void restore(std::span<const uint8_t> state);
    void setParameters(std::span<const float> parameters);

    // Minibatches of the examples in their order, each at its learning rate. Returns the mean loss of a label.
    double train(const HeadExamples& examples, int batch, std::span<const float> rates);

    // Logits [n][outputs].
    std::vector<float> scores(const HeadExamples& examples) const;

    // Parameters, both moments and the number of steps, with what they belong to.
    std::vector<uint8_t> state() const;

    const HeadShape& shape() const { return options_.shape; }
    const HeadScaling& scaling() const { return options_.scaling; }
    std::span<const float> parameters() const { return parameters_; }

private:
    void initialize();
    void update(const HeadNetwork::Gradient& piece, AdamStep step, int chunks, float* gradient);

    HeadTrainerOptions options_;
    std::vector<float> parameters_;
    std::vector<float> first_; // moments
    std::vector<float> second_;
    uint64_t steps_ = 0;
};

// Logits [n][outputs] of a head with these parameters.
std::vector<float> headScores(const HeadShape& shape, const HeadScaling& scaling, std::span<const float> parameters,
                              const HeadExamples& examples, int threads);

} // namespace specdecpp
