#pragma once

#include "acceptance-head.h"
#include "head-features.h"
#include "head-trunk.h"

#include <ggml-backend.h>

#include <memory>
#include <span>
#include <vector>

namespace specdecpp {

// Evaluates a head step by step, for one session: the state once, then what is asked of it.
class HeadScorer {
public:
    // device: where the draft runs; threads: on the processor.
    // Throws ERR_HEAD_MISMATCH for a head that reads scalars which this version does not know.
    HeadScorer(std::shared_ptr<const AcceptanceHead> head, ggml_backend_dev_t device, int threads);

    // Whether the head has such an output.
    bool has(HeadOutput output) const { return output < head_->shape().outputs(); }

    // h_k, [width].
    void read(const float* state);

    // The calibrated logit of an output at the step that was read; NaN if there is no such output.
    double logit(HeadOutput output, const HeadFeatures& features);

private:
    // What an output of a full head makes of the trunk and of scalars.
    struct Output {
        std::vector<float> scalars; // B, transposed: [columns][hidden, padded]; zeros where the mask is
        std::vector<float> output;  // v
        std::vector<float> skip;    // w, zeros where the mask is
        float bias = 0;
    };

    Output outputOf(const std::vector<float>& parameters, int output) const;
    double fullLogit(HeadOutput output, const HeadFeatures& features);
    void readToken(Token token, std::span<float> row) const;

    std::shared_ptr<const AcceptanceHead> head_;
    std::unique_ptr<HeadTrunk> trunk_;
    std::vector<size_t> columns_; // of the head: which of HeadFeatures; behind these, which of its table of tokens
    size_t tokenColumns_ = 0;
    std::vector<Output> outputs_; // of a full head
    std::vector<float> trunkOut_;
    std::vector<float> features_, scalars_, hidden_, activated_;
};

} // namespace specdecpp
