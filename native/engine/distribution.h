#pragma once

#include "vocabulary.h"

#include <span>
#include <vector>

namespace specdecpp {

// A probability distribution over tokens. Dense over the whole vocabulary, or sparse over the
// tokens that truncation (top-k, top-p, min-p, temperature 0) has left.
class Distribution {
public:
    // probabilities[token], summing to one.
    static Distribution dense(std::vector<double> probabilities);

    // tokens ascending; probabilities[i] is that of tokens[i], summing to one.
    static Distribution sparse(std::vector<Token> tokens, std::vector<double> probabilities);

    static Distribution certain(Token token) { return sparse({token}, {1.0}); }

    double probability(Token token) const;

    // The token at quantile u of the cumulative distribution, for u uniform in [0, 1).
    Token sample(double u) const;

    // The most probable token; of several, the lowest.
    Token mode() const;

    bool isDense() const { return tokens_.empty(); }

    // The support: probabilities()[i] belongs to token(i).
    std::span<const double> probabilities() const { return probabilities_; }
    Token token(size_t i) const { return tokens_.empty() ? static_cast<Token>(i) : tokens_[i]; }

private:
    Distribution(std::vector<Token> tokens, std::vector<double> probabilities)
        : tokens_(std::move(tokens)), probabilities_(std::move(probabilities)) {}

    std::vector<Token> tokens_; // empty: dense
    std::vector<double> probabilities_;
};

} // namespace specdecpp
