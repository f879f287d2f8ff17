// Block verification (Sun et al. 2024, arXiv 2403.10444, algorithm 2): accepts the longest prefix
// that a joint test allows, which is never less than rejection sampling accepts on average.

#include "verifier.h"

#include <algorithm>

namespace specdecpp {

namespace {

// (w p - q)+ for w in [0, 1], not normalized, over the support of p; and its sum.
struct Excess {
    std::vector<Token> tokens;
    std::vector<double> weights;
    double total = 0;
};

Excess excess(double w, const Distribution& p, const Distribution& q) {
    Excess result;
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        const Token token = p.token(i);
        const double weight = w * p.probabilities()[i] - q.probability(token);
        if (weight > 0) {
            result.tokens.push_back(token);
            result.weights.push_back(weight);
            result.total += weight;
        }
    }
    return result;
}

Verdict verifyBlock(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    double w = 1; // the paper's p_i: how likely the first i tokens are to survive as a block
    int accepted = 0;
    Excess residual; // of the longest prefix accepted so far, if it is not the whole draft
    for (int i = 0; i < count; ++i) {
        const Distribution& p = input.p(i);
        if (i == 0) {
            residual = excess(1, p, input.q[0]);
        } else {
            // h_i, the chance to accept the first i tokens whatever becomes of the rest.
            Excess here = excess(w, p, input.q[i]);
            const double denominator = here.total + 1 - w;
            const double h = denominator > 0 ? here.total / denominator : 1;
            if (random.uniform() < h) {
                accepted = i;
                residual = std::move(here);
            }
        }
        const Token token = input.drafted[i];
        w = std::min(1.0, w * p.probability(token) / input.q[i].probability(token));
    }
    if (count == 0 || random.uniform() < w) {
        return {count, input.hasBonusRow ? std::optional(input.p(count).sample(random.uniform())) : std::nullopt};
    }
    if (residual.total <= 0) { // p = q to the last bit: only rounding can ask for it
        return {accepted, input.p(accepted).sample(random.uniform())};
    }
    for (double& weight : residual.weights) {
        weight /= residual.total;
    }
    return {accepted, Distribution::sparse(std::move(residual.tokens), std::move(residual.weights)).sample(random.uniform())};
}

} // namespace

const Verifier blockVerification{"block", verifyBlock, Proposal::sampled, false};

} // namespace specdecpp
