#pragma once

#include "context.h"
#include "sampling.h"

#include <memory>
#include <vector>

// Plain evaluation of a given text in a fresh context, without a session.
// Row i holds the logits that predict tokens[from + i]; shape [tokens.size() - from][vocabulary].
std::vector<std::vector<float>> teacherForce(const std::shared_ptr<const specdecpp::Model>& model,
                                             const std::vector<specdecpp::Token>& tokens, size_t from);

// The first position at which two texts differ; the shorter one's length if they never do.
size_t firstDifference(const std::vector<specdecpp::Token>& a, const std::vector<specdecpp::Token>& b);

// At temperature 0 two evaluations of one text may differ where the target's two best tokens are as
// good as equal, because llama.cpp's kernels for one row and for many round differently. This is the
// difference of the target's logits, biases and penalties included, for the two tokens at the first
// difference; 0 if there is none.
double gapAtFirstDifference(const std::vector<specdecpp::Token>& a, const std::vector<specdecpp::Token>& b,
                            specdecpp::SamplingSettings settings = {});

// What counts as equal for gapAtFirstDifference. Logits here have a spread of about 10.
constexpr double nearTie = 0.05;

// log p + Gumbel noise: the token with the largest is drawn.
double coupledScore(const specdecpp::Distribution& p, specdecpp::Token token, uint64_t seed, int position);

// The same for coupled draws: the difference of the two tokens' scores.
double coupledGapAtFirstDifference(const std::vector<specdecpp::Token>& a, const std::vector<specdecpp::Token>& b,
                                   const specdecpp::SamplingSettings& settings, uint64_t seed);

// What counts as equal there: temperature divides the logits, and so their rounding.
constexpr double nearCoupledTie(double temperature) {
    return nearTie / temperature;
}
