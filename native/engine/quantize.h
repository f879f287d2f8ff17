#pragma once

#include <string>

namespace specdecpp {

// Writes `output`, the model of `input` with its matrices in another type, by llama.cpp's quantizer.
// type: "f16", "q8_0", "q6_k", "q5_k_m" or "q4_k_m".
// Throws ERR_MODEL_LOAD, ERR_INVALID_ARGUMENT or ERR_WRITE; a failure leaves no file.
void quantize(const std::string& input, const std::string& output, const std::string& type, int threads);

} // namespace specdecpp
