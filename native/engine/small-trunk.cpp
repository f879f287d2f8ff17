#include "small-trunk.h"

#include "head-kernels.h"

#include <algorithm>
#include <string>

namespace specdecpp {

namespace {

const HeadFile::Tensor& tensorOf(const HeadFile& file, const std::string& name) {
    return *std::find_if(file.tensors.begin(), file.tensors.end(),
                         [&](const HeadFile::Tensor& each) { return each.tensor.name == name; });
}

} // namespace

SmallTrunk::Layer::Layer(const HeadFile::Tensor& weight, const HeadFile::Tensor& bias)
    : inputs(weight.tensor.columns), outputs(wholeVectors(weight.tensor.rows)), bias(bias.numbers()) {
    const auto in = static_cast<size_t>(inputs);
    const auto out = static_cast<size_t>(outputs);
    this->bias.resize(out);
    weights.resize(in * out);
    const std::vector<float> numbers = weight.numbers();
    for (size_t i = 0; i < numbers.size(); ++i) {
        weights[i % in * out + i / in] = numbers[i];
    }
}

void SmallTrunk::Layer::apply(const std::vector<float>& x, std::vector<float>& out) const {
    out.resize(static_cast<size_t>(outputs));
    affine(weights.data(), bias.data(), inputs, outputs, x.data(), out.data());
}

SmallTrunk::SmallTrunk(const HeadFile& file)
    : width_(file.shape.width), depth_(file.shape.depth),
      outputs_(file.shape.kind == HeadKind::paper ? 2 : maxHeadOutputs * file.shape.hidden) {
    for (int i = 0; i < file.shape.blocks(); ++i) {
        const std::string name = "blk." + std::to_string(i);
        blocks_.emplace_back(tensorOf(file, name + ".weight"), tensorOf(file, name + ".bias"));
    }
    const bool full = file.shape.kind == HeadKind::full;
    output_.emplace_back(tensorOf(file, full ? "state.weight" : "output.weight"),
                         tensorOf(file, full ? "hidden.bias" : "output.bias"));
}

void SmallTrunk::evaluate(const float* state, std::vector<float>& out) {
    x_.assign(state, state + width_);
    for (int i = 0; i < depth_; ++i) {
        blocks_[blocks_.size() == 1 ? 0 : static_cast<size_t>(i)].apply(x_, z_);
        addSilu(z_.data(), x_.data(), x_.size());
    }
    output_.front().apply(x_, out);
    out.resize(static_cast<size_t>(outputs_));
}

} // namespace specdecpp
