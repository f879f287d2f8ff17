#include "text-coupling.h"

#include "rejection-sampling.h"

namespace specdecpp {

double stayProbability(Token text, const Distribution& p, const Distribution& q) {
    const double drafted = q.probability(text);
    return drafted > 0 ? acceptanceProbability(drafted, p.probability(text)) : 0; // the roles exchanged
}

Token draftAlongText(Token text, const Distribution& p, const Distribution& q, Random& random) {
    if (random.uniform() < stayProbability(text, p, q)) {
        return text;
    }
    return residual(q, p).sample(random.uniform());
}

} // namespace specdecpp
