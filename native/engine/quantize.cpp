#include "quantize.h"

#include "error.h"
#include "file-writing.h"
#include "gguf-header.h"
#include "log.h"

#include <llama.h>

#include <map>

namespace specdecpp {

void quantize(const std::string& input, const std::string& output, const std::string& type, int threads) {
    static const std::map<std::string, llama_ftype> types = {{"f16", LLAMA_FTYPE_MOSTLY_F16},
                                                             {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
                                                             {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},
                                                             {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
                                                             {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}};
    const auto found = types.find(type);
    if (found == types.end()) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "type must be f16, q8_0, q6_k, q5_k_m or q4_k_m, but is \"" + type + "\".");
    }
    GgufHeader(input).check();
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = found->second;
    params.nthread = threads;
    replaceFile(input, output, [&](const std::string& partial) {
        const LogCapture log;
        if (llama_model_quantize(input.c_str(), partial.c_str(), &params) != 0) {
            throw EngineError("ERR_MODEL_LOAD",
                              "llama.cpp cannot quantize " + input + ": " + log.reason() +
                                  ". Check that it is an unquantized GGUF model, and the space left.");
        }
    });
}

} // namespace specdecpp
