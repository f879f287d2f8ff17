#include "coupling.h"
#include "verifier.h"

namespace specdecpp {

namespace {

// Draws from p at each position, with draw(p, index), until a draw differs from what was drafted.
template <typename Draw> Verdict matchDraws(const VerifierInput& input, Draw draw) {
    const auto count = static_cast<int>(input.drafted.size());
    for (int i = 0; i < count; ++i) {
        const Token drawn = draw(input.p(i), i);
        if (drawn != input.drafted[i]) {
            return {i, drawn};
        }
    }
    if (!input.hasBonusRow) {
        return {count, std::nullopt};
    }
    return {count, draw(input.p(count), count)};
}

Verdict verifyByMatching(const VerifierInput& input, Random& random) {
    return matchDraws(input, [&random](const Distribution& p, int) { return p.sample(random.uniform()); });
}

Verdict verifyCoupled(const VerifierInput& input, Random&) {
    return matchDraws(
        input, [&input](const Distribution& p, int i) { return coupledDraw(p, input.seed, input.position + i); });
}

} // namespace

const Verifier sampleAndMatch{"match", verifyByMatching, Proposal::mode, true};
const Verifier coupledSampling{"coupled", verifyCoupled, Proposal::coupled, true};

} // namespace specdecpp
