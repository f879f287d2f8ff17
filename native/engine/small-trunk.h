#pragma once

#include "head-trunk.h"

#include <vector>

namespace specdecpp {

// A head that fits into the processor's caches, in single precision on one thread.
class SmallTrunk : public HeadTrunk {
public:
    explicit SmallTrunk(const HeadFile& file);

    void evaluate(const float* state, std::vector<float>& out) override;

private:
    // Transposed, and padded to whole vectors.
    struct Layer {
        int inputs;
        int outputs;
        std::vector<float> weights;
        std::vector<float> bias;

        Layer(const HeadFile::Tensor& weight, const HeadFile::Tensor& bias);
        void apply(const std::vector<float>& x, std::vector<float>& out) const;
    };

    std::vector<Layer> blocks_; // one, if tied
    std::vector<Layer> output_; // one
    int width_;
    int depth_;
    int outputs_;
    std::vector<float> x_, z_;
};

} // namespace specdecpp
