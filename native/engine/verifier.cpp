#include "verifier.h"

namespace specdecpp {

const Verifier* findVerifier(const std::string& name) {
    for (const Verifier* verifier : {&rejectionSampling, &blockVerification, &sampleAndMatch, &coupledSampling}) {
        if (name == verifier->name) {
            return verifier;
        }
    }
    return nullptr;
}

} // namespace specdecpp
