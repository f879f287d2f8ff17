#pragma once

#include <algorithm>
#include <cmath>

namespace specdecpp {

// Features and their logarithms stay finite where q is certain.
constexpr double smallestProbability = 1e-9;

// ln(p / (1 - p))
inline double logOdds(double p) {
    const double bounded = std::clamp(p, smallestProbability, 1 - smallestProbability);
    return std::log(bounded / (1 - bounded));
}

// The same bound on a logarithm.
inline double boundedLog(double logProbability) {
    return std::max(logProbability, std::log(smallestProbability));
}

} // namespace specdecpp
