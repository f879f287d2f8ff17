#pragma once

#include <llama.h>

#include <span>
#include <string>
#include <vector>

namespace specdecpp {

using Token = llama_token;

// A view of a model's vocabulary; valid while the model lives.
class Vocabulary {
public:
    explicit Vocabulary(const llama_vocab* vocab) : vocab_(vocab) {}

    // A model may come without one; only size() may then be asked for.
    bool exists() const { return llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_NONE && size() > 0; }
    int size() const { return llama_vocab_n_tokens(vocab_); }
    bool endsGeneration(Token token) const { return llama_vocab_is_eog(vocab_, token); }
    bool contains(Token token) const { return token >= 0 && token < size(); }

    // addSpecial: add what the vocabulary puts around a text (usually the begin-of-sequence token,
    // never twice). parseSpecial: text such as "<|user|>" becomes the control token of that name.
    std::vector<Token> tokenize(const std::string& text, bool addSpecial, bool parseSpecial) const;

    // The bytes of one token; they need not be valid UTF-8 on their own. Control tokens are empty.
    std::string piece(Token token) const;

    // The texts that parseSpecial makes control tokens of, and those of the tokens that begin and end a
    // sequence, "" where there is none: what chat templates write.
    std::vector<std::string> controlTexts() const;
    std::string beginText() const { return text(llama_vocab_bos(vocab_)); }
    std::string endText() const { return text(llama_vocab_eos(vocab_)); }

    // What differs between two vocabularies so that tokens of one cannot be tokens of the other, as
    // a clause for an error message; "" if nothing does. Sizes may differ in padding at the end.
    std::string difference(const Vocabulary& other) const;

private:
    std::string text(Token token) const { return token < 0 ? "" : llama_vocab_get_text(vocab_, token); }

    const llama_vocab* vocab_;
};

} // namespace specdecpp
