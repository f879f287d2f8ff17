#pragma once

#include "distribution.h"

namespace specdecpp {

// (w p - q)+, what a distribution p of weight w has above q, token by token; not normalized.
class Excess {
public:
    Excess(double w, const Distribution& p, const Distribution& q);

    double total() const { return total_; }

    // The distribution proportional to it. Needs a total above 0.
    Distribution normalized() &&;

private:
    std::vector<Token> tokens_; // empty: dense
    std::vector<double> weights_;
    double total_ = 0;
};

} // namespace specdecpp
