#pragma once

#include "distribution.h"

#include <cstdint>

namespace specdecpp {

// argmax over tokens of log p + g(seed, position, token) with Gumbel noise g: a draw from p (Gumbel-max
// trick) that depends on p, the seed and the position alone. Two similar distributions drawn from at
// the same seed and position mostly give the same token (drafter-invariant speculative decoding, Daliri
// et al. 2025).
Token coupledDraw(const Distribution& p, uint64_t seed, int position);

} // namespace specdecpp
