#include "head-calibration.h"

#include "error.h"

#include <algorithm>
#include <cmath>

namespace specdecpp {

namespace {

int bucketOf(int position) {
    constexpr int ends[calibrationBuckets - 1] = {1, 2, 3, 4, 6, 8, 12};
    return static_cast<int>(std::lower_bound(std::begin(ends), std::end(ends), position) - std::begin(ends));
}

// The numbers of a key, if it is there.
std::vector<double> numbersOf(const HeadMetadata& metadata, const std::string& key, int count) {
    if (!metadata.contains(key)) {
        return {};
    }
    const auto numbers = valueAt<std::vector<double>>(metadata, key);
    if (!numbers || static_cast<int>(numbers->size()) != count ||
        !std::all_of(numbers->begin(), numbers->end(), [](double number) { return std::isfinite(number); })) {
        throw EngineError("ERR_INVALID_ARGUMENT", key + " must be " + std::to_string(count) + " finite numbers.");
    }
    return *numbers;
}

} // namespace

double HeadCalibration::apply(int output, int drafted, double logit) const {
    const auto o = static_cast<size_t>(output);
    const int position = output == older ? drafted : drafted + 1;
    return slope[o] * logit + bias[o][static_cast<size_t>(bucketOf(position))];
}

HeadCalibration calibrationFrom(const HeadMetadata& metadata, int outputs) {
    HeadCalibration calibration;
    const std::string key = "specdecpp.head.calibration.";
    const std::vector<double> slopes = numbersOf(metadata, key + "slope", outputs);
    const std::vector<double> biases = numbersOf(metadata, key + "bias", outputs * calibrationBuckets);
    std::copy(slopes.begin(), slopes.end(), calibration.slope.begin());
    for (size_t i = 0; i < biases.size(); ++i) {
        calibration.bias[i / calibrationBuckets][i % calibrationBuckets] = biases[i];
    }
    return calibration;
}

} // namespace specdecpp
