#pragma once

#include "vocabulary.h"

#include <span>
#include <string>
#include <vector>

namespace specdecpp {

struct TokenEmbeddings {
    int width = 0;
    int vocabularySize = 0;
    std::vector<float> numbers; // [tokens][width]
};

// The input embeddings of tokens, out of a model's file: llama.cpp gives no access to those of a loaded one.
// Throws ERR_MODEL_LOAD, ERR_UNSUPPORTED_MODEL for a file without them (of a split model, the first), and
// ERR_INVALID_ARGUMENT for a token that there is not.
TokenEmbeddings tokenEmbeddings(const std::string& path, std::span<const Token> tokens);

} // namespace specdecpp
