#pragma once

#include "stop-rule.h"

namespace specdecpp {

// What a survival gate believes of the tokens drawn in a round. Each token is told of twice: when it has been drawn,
// and when the draft has read it. A logit is what a head says of it at that time, if there is one.
class Survival {
public:
    // Whether a draft step pays after k drawn tokens, k ≥ 1.
    bool paysStep(const SurvivalGate& gate, int k) const;
    // Whether a token from a q of this shape pays after k drawn tokens.
    bool paysDraw(const SurvivalGate& gate, int k, const Shape& shape, double logit) const;

    void drawn(const SurvivalGate& gate, const Shape& shape, double logProbability, double logit);
    void read(const SurvivalGate& gate, const Shape& shape, double logProbability, double logit);

private:
    double older_ = 1; // that all tokens but the newest are accepted
    double newest_ = 1;
    double next_ = 1;
};

} // namespace specdecpp
