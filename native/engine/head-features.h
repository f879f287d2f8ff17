#pragma once

#include "stop-rule.h"
#include "vocabulary.h"

#include <span>
#include <string>
#include <vector>

namespace specdecpp {

// A drafted token, as a head sees it: what it was drawn from, and ln q(token).
struct DrawnFeatures {
    Shape shape;
    double logProbability = 0;
};

// What a head may know, beside the state, at a step with k drafted tokens in the round: of q_{k+1}, of the
// token drawn from it, and of Y_k. The one place that knows what the columns are: a head's file has their
// names, and which of them each output reads.
struct HeadFeatures {
    Shape shape; // of q_{k+1}
    int drafted = 0;
    double temperature = 0;
    double logProbability = 0; // ln q_{k+1}(Y_{k+1}); of no effect on columns that are known before the draw
    DrawnFeatures previous;    // Y_k; of no effect if k = 0
    Token token = -1;          // Y_{k+1}, once it is drawn; what a head knows of it is in the head's own table

    static const std::vector<std::string>& names();
    // Whether a column tells of the token drawn last, which the outputs `older` and `before` may not know.
    static bool tellsOfDrawn(const std::string& name);
    // A number for each name.
    void write(std::span<float> columns) const;
};

} // namespace specdecpp
