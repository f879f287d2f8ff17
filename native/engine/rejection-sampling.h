#pragma once

#include "distribution.h"

namespace specdecpp {

// min(1, p/q): the probability that a token drawn from q is accepted. q > 0, as it was drawn.
double acceptanceProbability(double p, double q);

// norm((p - q)+), what is drawn from after a rejection (Leviathan et al. 2023, §2.3). p itself if
// the two are equal, which can be asked for through rounding alone.
Distribution residual(const Distribution& p, const Distribution& q);

} // namespace specdecpp
