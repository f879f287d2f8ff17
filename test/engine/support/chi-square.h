#pragma once

#include <vector>

struct ChiSquare {
    double value;
    int bins;
    double z; // about normal if the counts have their expectations
};

// Of counts whose expectations, known beforehand, add up to their sum. Those expected less than five
// times share a bin.
ChiSquare chiSquare(const std::vector<double>& counts, const std::vector<double>& expected);
