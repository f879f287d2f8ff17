#include "vocabulary.h"

#include "error.h"

#include <algorithm>
#include <cstdlib>

namespace specdecpp {

namespace {

// Tokens of padding that two sizes of one vocabulary may differ by: llama.cpp's bound for drafts.
constexpr int maxPadding = 128;

std::string typeName(enum llama_vocab_type type) {
    switch (type) {
    case LLAMA_VOCAB_TYPE_NONE:
        return "none";
    case LLAMA_VOCAB_TYPE_SPM:
        return "SentencePiece BPE";
    case LLAMA_VOCAB_TYPE_BPE:
        return "byte-level BPE";
    case LLAMA_VOCAB_TYPE_WPM:
        return "WordPiece";
    case LLAMA_VOCAB_TYPE_UGM:
        return "Unigram";
    case LLAMA_VOCAB_TYPE_RWKV:
        return "RWKV";
    default:
        return "type " + std::to_string(static_cast<int>(type));
    }
}

} // namespace

std::vector<Token> Vocabulary::tokenize(const std::string& text, bool addSpecial, bool parseSpecial) const {
    const auto length = static_cast<int32_t>(text.size());
    const int32_t needed = -llama_tokenize(vocab_, text.data(), length, nullptr, 0, addSpecial, parseSpecial);
    if (needed < 0) {
        throw EngineError("ERR_INVALID_ARGUMENT", "The text is too long to be tokenized; give a shorter one.");
    }
    std::vector<Token> tokens(static_cast<size_t>(needed));
    llama_tokenize(vocab_, text.data(), length, tokens.data(), needed, addSpecial, parseSpecial);
    const Token bos = llama_vocab_bos(vocab_);
    if (addSpecial && tokens.size() > 1 && llama_vocab_get_add_bos(vocab_) && tokens[0] == bos && tokens[1] == bos) {
        tokens.erase(tokens.begin()); // the text brought its own
    }
    return tokens;
}

std::string Vocabulary::piece(Token token) const {
    std::string bytes(64, '\0');
    int32_t length = llama_token_to_piece(vocab_, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, false);
    if (length < 0) {
        bytes.resize(static_cast<size_t>(-length));
        length = llama_token_to_piece(vocab_, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, false);
    }
    bytes.resize(static_cast<size_t>(std::max(length, 0)));
    return bytes;
}

std::vector<std::string> Vocabulary::controlTexts() const {
    std::vector<std::string> texts;
    for (Token token = 0; token < size(); ++token) {
        // llama-vocab.cpp: those that are text of their own unless parse_special is asked for.
        const bool control =
            (llama_vocab_get_attr(vocab_, token) & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0;
        if (control && !text(token).empty()) {
            texts.push_back(text(token));
        }
    }
    return texts;
}

std::string Vocabulary::difference(const Vocabulary& other) const {
    const llama_vocab* a = vocab_;
    const llama_vocab* b = other.vocab_;
    if (llama_vocab_type(a) != llama_vocab_type(b)) {
        return "one is " + typeName(llama_vocab_type(a)) + ", the other " + typeName(llama_vocab_type(b));
    }
    if (llama_vocab_get_add_bos(a) != llama_vocab_get_add_bos(b)) {
        return "one starts every text with a begin-of-sequence token, the other does not";
    }
    if (llama_vocab_get_add_bos(a) && llama_vocab_bos(a) != llama_vocab_bos(b)) {
        return "their begin-of-sequence token differs (" + std::to_string(llama_vocab_bos(a)) + " and " +
               std::to_string(llama_vocab_bos(b)) + ")";
    }
    if (std::abs(size() - other.size()) > maxPadding) {
        return "one has " + std::to_string(size()) + " tokens, the other " + std::to_string(other.size());
    }
    for (Token token = 0; token < std::min(size(), other.size()); ++token) {
        const std::string x = llama_vocab_get_text(a, token);
        const std::string y = llama_vocab_get_text(b, token);
        if (x != y) {
            return "token " + std::to_string(token) + " is \"" + x + "\" in one and \"" + y + "\" in the other";
        }
    }
    return "";
}

} // namespace specdecpp
