#include "rejection-sampling.h"

#include "verifier.h"

#include <algorithm>

namespace specdecpp {

double acceptanceProbability(double p, double q) {
    return std::min(1.0, p / q);
}

Distribution residual(const Distribution& p, const Distribution& q) {
    std::vector<Token> tokens;
    std::vector<double> probabilities;
    double total = 0;
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        const double excess = p.probabilities()[i] - q.probability(p.token(i));
        if (excess > 0) {
            tokens.push_back(p.token(i));
            probabilities.push_back(excess);
            total += excess;
        }
    }
    if (total == 0) {
        return p;
    }
    for (double& probability : probabilities) {
        probability /= total;
    }
    return Distribution::sparse(std::move(tokens), std::move(probabilities));
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
