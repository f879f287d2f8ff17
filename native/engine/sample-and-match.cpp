#include "verifier.h"

namespace specdecpp {

namespace {

Verdict verifyByMatching(const VerifierInput& input, Random& random) {
    const auto count = static_cast<int>(input.drafted.size());
    for (int i = 0; i < count; ++i) {
        const Token drawn = input.p(i).sample(random.uniform());
        if (drawn != input.drafted[i]) {
            return {i, drawn};
        }
    }
    if (!input.hasBonusRow) {
        return {count, std::nullopt};
    }
    return {count, input.p(count).sample(random.uniform())};
}

} // namespace

const Verifier sampleAndMatch{"match", verifyByMatching, true};

} // namespace specdecpp
