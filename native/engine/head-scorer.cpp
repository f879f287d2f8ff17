#include "head-scorer.h"

#include "error.h"
#include "head-kernels.h"

#include <algorithm>
#include <limits>

namespace specdecpp {

HeadScorer::HeadScorer(std::shared_ptr<const AcceptanceHead> head, ggml_backend_dev_t device, int threads)
    : head_(std::move(head)), trunk_(makeTrunk(head_->file(), device, threads)) {
    const HeadShape& shape = head_->shape();
    const std::vector<std::string>& known = HeadFeatures::names();
    for (const std::string& column : shape.columns) {
        if (column.starts_with(tokenColumn)) {
            columns_.push_back(known.size() + tokenColumns_++);
            continue;
        }
        const auto found = std::find(known.begin(), known.end(), column);
        if (found == known.end()) {
            throw EngineError("ERR_HEAD_MISMATCH",
                              "The head " + head_->file().path + " reads \"" + column +
                                  "\", which this version does not know. Use the version that it was trained with, "
                                  "or a later one, or train it again.");
        }
        columns_.push_back(static_cast<size_t>(found - known.begin()));
    }
    features_.resize(known.size() + tokenColumns_);
    scalars_.resize(columns_.size());
    if (shape.kind == HeadKind::full) {
        const std::vector<float> parameters = head_->file().parameters();
        for (int output = 0; output < maxHeadOutputs; ++output) {
            outputs_.push_back(outputOf(parameters, output));
        }
        hidden_.resize(static_cast<size_t>(wholeVectors(shape.hidden)));
        activated_.resize(hidden_.size());
    }
}

HeadScorer::Output HeadScorer::outputOf(const std::vector<float>& parameters, int output) const {
    const HeadShape& shape = head_->shape();
    const HeadOffsets at = shape.offsets();
    const auto hidden = static_cast<size_t>(shape.hidden);
    const auto padded = static_cast<size_t>(wholeVectors(shape.hidden));
    const size_t columns = columns_.size();
    const auto o = static_cast<size_t>(output);
    Output result;
    result.scalars.resize(columns * padded);
    for (size_t column = 0; column < columns; ++column) {
        const bool reads = shape.masks[o * columns + column] != 0;
        for (size_t i = 0; i < hidden && reads; ++i) {
            result.scalars[column * padded + i] = parameters[at.scalars + (o * hidden + i) * columns + column];
        }
        result.skip.push_back(reads ? parameters[at.skip + o * columns + column] : 0);
    }
    const float* v = parameters.data() + at.output + o * hidden;
    result.output.assign(v, v + hidden);
    result.bias = parameters[at.outputBias + o];
    return result;
}

void HeadScorer::read(const float* state) {
    trunk_->evaluate(state, trunkOut_);
}

double HeadScorer::logit(HeadOutput output, const HeadFeatures& features) {
    if (!has(output)) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const bool full = head_->shape().kind == HeadKind::full;
    const double logit = full ? fullLogit(output, features) : trunkOut_[1] - trunkOut_[0];
    return head_->file().calibration.apply(output, features.drafted, logit);
}

// The row of a token in the head's table; zeros for one that it does not know.
void HeadScorer::readToken(Token token, std::span<float> row) const {
    const std::vector<float>& tokens = head_->file().tokens;
    const size_t begin = static_cast<size_t>(std::max(token, 0)) * row.size();
    if (token < 0 || begin + row.size() > tokens.size()) {
        std::fill(row.begin(), row.end(), 0.0F);
        return;
    }
    std::copy_n(tokens.begin() + static_cast<ptrdiff_t>(begin), row.size(), row.begin());
}

double HeadScorer::fullLogit(HeadOutput output, const HeadFeatures& features) {
    const HeadScaling& scaling = head_->file().scaling;
    const Output& weights = outputs_[output];
    const size_t hidden = weights.output.size();
    const size_t known = features_.size() - tokenColumns_;
    features.write(std::span<float>(features_).first(known));
    readToken(output == newest ? features.token : -1, std::span<float>(features_).subspan(known));
    double logit = weights.bias;
    for (size_t i = 0; i < columns_.size(); ++i) {
        scalars_[i] = (features_[columns_[i]] - scaling.mean[i]) / scaling.deviation[i];
        logit += weights.skip[i] * scalars_[i];
    }
    std::copy_n(trunkOut_.begin() + static_cast<ptrdiff_t>(output * hidden), hidden, hidden_.begin());
    affine(weights.scalars.data(), hidden_.data(), static_cast<int>(columns_.size()), static_cast<int>(hidden_.size()),
           scalars_.data(), activated_.data());
    silu(activated_.data(), activated_.data(), activated_.size());
    for (size_t i = 0; i < hidden; ++i) {
        logit += weights.output[i] * activated_[i];
    }
    return logit;
}

} // namespace specdecpp
