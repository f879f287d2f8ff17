#pragma once

#include "head-metadata.h"
#include "head-shape.h"

#include <array>

namespace specdecpp {

// Positions in a round that are calibrated apart: 1, 2, 3, 4, 5–6, 7–8, 9–12, 13 and more.
constexpr int calibrationBuckets = 8;

// What makes logits those of probabilities, fitted on rounds: slope · logit + bias of the position that the token
// judged has in the round, 1…K. Without it logits stay as they are.
struct HeadCalibration {
    std::array<double, maxHeadOutputs> slope{1, 1, 1};
    std::array<std::array<double, calibrationBuckets>, maxHeadOutputs> bias{};

    // At a step with so many drafted tokens.
    double apply(int output, int drafted, double logit) const;
};

// From a head file's keys. Throws ERR_INVALID_ARGUMENT for sizes and numbers that cannot be.
HeadCalibration calibrationFrom(const HeadMetadata& metadata, int outputs);

} // namespace specdecpp
