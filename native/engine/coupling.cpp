#include "coupling.h"

#include "random.h"

#include <cmath>
#include <limits>

namespace specdecpp {

Token coupledDraw(const Distribution& p, uint64_t seed, int position) {
    const uint64_t key = mixed(mixed(seed) + static_cast<uint64_t>(position));
    // The largest log p - log(-log u) is the smallest -log(u) / p. A token can only win if
    // u > exp(-best p), and exp(-x) >= 1 - x spares nearly all of the logarithms.
    double best = std::numeric_limits<double>::infinity();
    size_t winner = 0;
    const std::span<const double> probabilities = p.probabilities();
    for (size_t i = 0; i < probabilities.size(); ++i) {
        const double probability = probabilities[i];
        if (probability <= 0) {
            continue;
        }
        const double u = openUniform(mixed(key + static_cast<uint64_t>(p.token(i))));
        if (u > 1 - best * probability) {
            const double time = -std::log(u) / probability;
            if (time < best) {
                best = time;
                winner = i;
            }
        }
    }
    return p.token(winner);
}

} // namespace specdecpp
