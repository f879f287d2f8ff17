#pragma once

#include "head-shape.h"

#include <ggml.h>

#include <span>
#include <vector>

namespace specdecpp {

// Steps of drafts. states: [m][width]; stateOf: [n], which of them each example has; scalars: [n][columns], not
// standardized; labels: [n][2], of Y_k and of Y_{k+1}, NaN: none; not needed for scores.
struct HeadExamples {
    std::span<const ggml_fp16_t> states;
    std::span<const int32_t> stateOf;
    std::span<const float> scalars;
    std::span<const float> labels;

    size_t size() const { return stateOf.size(); }
};

// What scalars are standardized by, [columns].
struct HeadScaling {
    std::vector<float> mean;
    std::vector<float> deviation;

    // Throws ERR_INVALID_ARGUMENT for other sizes, and for numbers that cannot be.
    void check(const HeadShape& shape) const;
};

// Numbers of states that training leaves out, so that no few of them are relied on (Srivastava et al. 2014). Which
// ones depends on the seed and on the example's place in its batch.
struct StateDropout {
    double share = 0; // of them, [0, 1); the others are larger by 1 / (1 - share)
    uint64_t seed = 0;
    void apply(std::span<float> state, size_t place) const;
};

// The network of a head on panels of examples, one chunk of `lanes` of them after the other: forward, and the
// gradients of activations backward. What gradients of weights are worked out from stays there for the whole
// batch. Chunks are independent of one another, so different threads may work on them.
class HeadNetwork {
public:
    // chunks: of a batch, at most.
    HeadNetwork(HeadShape shape, HeadScaling scaling, int chunks);
    HeadNetwork(HeadNetwork&&) = default; // what is planned points into what moves along

    struct Scratch {
        std::vector<float> x, gradient, hidden, scalars; // panels
    };
    Scratch makeScratch() const;

    // Logits of up to `lanes` examples from `first` on.
    void forward(const float* parameters, const HeadExamples& examples, size_t first, size_t end, int chunk,
                 Scratch& scratch, const StateDropout& dropout = {});

    // [outputs][lanes] of a chunk; of a paper's head the difference of its two logits.
    void scores(int chunk, float* scores) const;

    struct Loss {
        double sum = 0;
        double labels = 0;
    };
    // After forward(): SpecDec++'s loss (§3.2) - (P ln p + w (1 - P) ln(1 - p)), summed over the labels.
    Loss backward(const float* parameters, const HeadExamples& examples, size_t first, size_t end, int chunk,
                  double rejectionWeight, Scratch& scratch);

    // Some rows of a tensor of parameters, [rows][columns], and the products whose sum is their gradient.
    struct Panels {
        const float* at = nullptr; // [chunks][stride]
        ptrdiff_t stride = 0;
        Panels from(int row) const;
    };
    struct Rows {
        const float* at = nullptr; // [chunks][lanes][stride]
        ptrdiff_t stride = 0;
    };
    struct Term {
        Panels a;
        Rows b{};         // without it: the sum of each row of a
        Panels weights{}; // of one row, which those of a are multiplied with before
    };
    struct Gradient {
        size_t offset;
        int rows;
        int columns;
        bool decays;
        std::vector<Term> terms;
    };
    // All of them, in pieces that threads can share out.
    const std::vector<Gradient>& gradients() const { return gradients_; }
    // Room for the largest, and where in it a row is.
    size_t gradientSize() const;
    static ptrdiff_t gradientStride(const Gradient& gradient);
    // Works one out over the first `chunks` chunks.
    static void evaluate(const Gradient& gradient, int chunks, float* out);

private:
    void readStates(const HeadExamples& examples, size_t first, size_t end, int chunk, Scratch& scratch,
                    const StateDropout& dropout);
    void readScalars(const HeadExamples& examples, size_t first, size_t end, int chunk, Scratch& scratch);
    void forwardOutputs(const float* parameters, int chunk, const Scratch& scratch);
    void keepRows(int block, int chunk, const float* x);
    Loss lossOf(const HeadExamples& examples, size_t first, size_t end, int chunk, double rejectionWeight);
    void planGradients();
    void plan(size_t offset, int rows, int columns, bool decays, const std::vector<Term>& terms);

    int hiddenRows() const { return maxHeadOutputs * shape_.hidden; }
    int logitRows() const { return shape_.kind == HeadKind::paper ? 2 : maxHeadOutputs; }

    HeadShape shape_;
    HeadOffsets at_;
    HeadScaling scaling_;
    std::vector<std::vector<float>> inputs_;     // of each block and of the outputs, rows: [chunks][lanes][stride]
    std::vector<std::vector<float>> z_;          // of each block, [chunks][width][lanes]; then its gradient
    std::vector<float> hidden_;                  // [chunks][hiddenRows][lanes], before SiLU; then its gradient
    std::vector<float> activated_;               // the same, after
    std::vector<std::vector<float>> scalarRows_; // of each output: [chunks][lanes][stride]
    std::vector<float> logits_;                  // [chunks][logitRows][lanes]
    std::vector<float> logitGradients_;          // the same
    std::vector<Gradient> gradients_;
};

} // namespace specdecpp
