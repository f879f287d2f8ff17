#include "token-embeddings.h"

#include "error.h"
#include "gguf-header.h"

#include <cstddef>
#include <fstream>

namespace specdecpp {

TokenEmbeddings tokenEmbeddings(const std::string& path, std::span<const Token> tokens) {
    const char* const name = "token_embd.weight";
    const GgufHeader header(path);
    const ggml_tensor* tensor = header.tensor(name);
    const auto toFloat = tensor == nullptr ? nullptr : ggml_get_type_traits(tensor->type)->to_float;
    if (tensor == nullptr || (toFloat == nullptr && tensor->type != GGML_TYPE_F32)) {
        throw EngineError("ERR_UNSUPPORTED_MODEL",
                          path + " has no " + name + " that can be read, the embeddings of its tokens.");
    }
    TokenEmbeddings result;
    result.width = static_cast<int>(tensor->ne[0]);
    result.vocabularySize = static_cast<int>(tensor->ne[1]);
    result.numbers.resize(tokens.size() * static_cast<size_t>(result.width));
    const uint64_t begin = gguf_get_data_offset(header.file()) +
                           gguf_get_tensor_offset(header.file(), gguf_find_tensor(header.file(), name));
    std::vector<std::byte> row(ggml_row_size(tensor->type, tensor->ne[0]));
    std::ifstream in(path, std::ios::binary);
    float* to = result.numbers.data();
    for (const Token token : tokens) {
        if (token < 0 || token >= result.vocabularySize) {
            throw EngineError("ERR_INVALID_ARGUMENT", path + " has no token " + std::to_string(token) + ".");
        }
        in.seekg(static_cast<std::streamoff>(begin + static_cast<uint64_t>(token) * row.size()));
        // Numbers of 32 bits need no conversion.
        char* read = toFloat == nullptr ? reinterpret_cast<char*>(to) : reinterpret_cast<char*>(row.data());
        in.read(read, static_cast<std::streamsize>(row.size()));
        if (!in) {
            throw EngineError("ERR_MODEL_LOAD", path + " ends before its data does. Fetch it again.");
        }
        if (toFloat != nullptr) {
            toFloat(row.data(), to, result.width);
        }
        to += result.width;
    }
    return result;
}

} // namespace specdecpp
