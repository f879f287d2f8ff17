// Block verification (Sun et al. 2024, arXiv 2403.10444, algorithm 2): accepts the longest prefix
// that a joint test allows, which is never less than rejection sampling accepts on average.

#include "excess.h"
#include "verifier.h"

#include <algorithm>

namespace specdecpp {

namespace {

Verdict verifyBlock(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    double w = 1; // the paper's p_i: how likely the first i tokens are to survive as a block
    int accepted = 0;
    std::optional<Excess> residual; // of the longest prefix accepted so far
    for (int i = 0; i < count; ++i) {
        const Distribution& p = input.p(i);
        const Distribution& q = input.q[i];
        if (i == 0) {
            residual.emplace(1, p, q);
        } else {
            // h_i, the chance to accept the first i tokens whatever becomes of the rest.
            Excess here(w, p, q);
            const double denominator = here.total() + 1 - w;
            if (random.uniform() * denominator < here.total()) {
                accepted = i;
                residual = std::move(here);
            }
        }
        const Token token = input.drafted[i];
        w = std::min(1.0, w * p.probability(token) / q.probability(token));
    }
    if (count == 0 || random.uniform() < w) {
        return {count, input.hasBonusRow ? std::optional(input.p(count).sample(random.uniform())) : std::nullopt};
    }
    if (residual->total() <= 0) { // p = q to the last bit: only rounding can ask for it
        return {accepted, input.p(accepted).sample(random.uniform())};
    }
    return {accepted, std::move(*residual).normalized().sample(random.uniform())};
}

} // namespace

const Verifier blockVerification{"block", verifyBlock, Proposal::sampled, false};

} // namespace specdecpp
