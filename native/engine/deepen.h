#pragma once

#include <string>

namespace specdecpp {

// Writes `output`, the model of `input` with `layers` idle layers after its last: copies of it whose
// attention-output and ffn-down matrices are zero. Such a layer adds nothing to the residual stream,
// so the logits stay what they are, and costs what a layer costs.
// Throws ERR_MODEL_LOAD, ERR_UNSUPPORTED_MODEL, ERR_INVALID_ARGUMENT or ERR_WRITE; a failure leaves
// no file.
void deepen(const std::string& input, const std::string& output, int layers);

} // namespace specdecpp
