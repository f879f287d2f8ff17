#pragma once

#include "distribution.h"

#include <algorithm>
#include <cmath>
#include <vector>

// What shapeOf finds, the slow way.
struct SlowFeatures {
    double mode;
    double margin;
    double entropy = 0;

    explicit SlowFeatures(const specdecpp::Distribution& q) {
        std::vector<double> sorted(q.probabilities().begin(), q.probabilities().end());
        std::sort(sorted.rbegin(), sorted.rend());
        mode = sorted[0];
        margin = sorted.size() > 1 ? sorted[0] - sorted[1] : sorted[0];
        for (const double p : sorted) {
            entropy -= p > 0 ? p * std::log(p) : 0;
        }
    }
};
