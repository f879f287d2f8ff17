#include "rejection-sampling.h"

#include "excess.h"
#include "verifier.h"

#include <algorithm>

namespace specdecpp {

double acceptanceProbability(double p, double q) {
    return std::min(1.0, p / q);
}

Distribution residual(const Distribution& p, const Distribution& q) {
    Excess excess(1, p, q);
    return excess.total() > 0 ? std::move(excess).normalized() : p;
}

namespace {

Verdict verifyByRejection(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    for (int i = 0; i < count; ++i) {
        const Distribution& p = input.p(i);
        const Distribution& q = input.q[i];
        const Token token = input.drafted[i];
        if (random.uniform() >= acceptanceProbability(p.probability(token), q.probability(token))) {
            return {i, residual(p, q).sample(random.uniform())};
        }
    }
    if (!input.hasBonusRow) {
        return {count, std::nullopt};
    }
    return {count, input.p(count).sample(random.uniform())};
}

} // namespace

const Verifier rejectionSampling{"rejection", verifyByRejection, Proposal::sampled, false};

} // namespace specdecpp
