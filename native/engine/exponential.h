#pragma once

#include <span>

namespace specdecpp {

// weights[i] = exp((logits[i] - highest) · scale), to about 2e-7 of each; returns their sum. Logits of
// -infinity give 0, those that are not a number make the sum not a number.
// logits, weights: shape [n]; logits[i] <= highest.
double exponentials(std::span<const float> logits, float highest, float scale, std::span<double> weights);

// The sum alone.
double sumOfExponentials(std::span<const float> logits, float highest, float scale);

} // namespace specdecpp
