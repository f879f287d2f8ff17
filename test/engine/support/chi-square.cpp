#include "chi-square.h"

#include <cmath>
#include <cstddef>

ChiSquare chiSquare(const std::vector<double>& counts, const std::vector<double>& expected) {
    ChiSquare result{};
    const auto addBin = [&result](double count, double expectation) {
        result.value += (count - expectation) * (count - expectation) / expectation;
        ++result.bins;
    };
    double restCount = 0;
    double restExpected = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
        if (expected[i] >= 5) {
            addBin(counts[i], expected[i]);
        } else {
            restCount += counts[i];
            restExpected += expected[i];
        }
    }
    if (restExpected > 0) {
        addBin(restCount, restExpected);
    }
    const double freedom = result.bins - 1;
    // Wilson & Hilferty 1931: the cube root of a chi-square is about normal.
    result.z = (std::cbrt(result.value / freedom) - (1 - 2 / (9 * freedom))) / std::sqrt(2 / (9 * freedom));
    return result;
}
