#include "stop-rule.h"

#include "log-odds.h"

#include <algorithm>
#include <cmath>

namespace specdecpp {

namespace {

constexpr double smallestSecond = 1e-6; // of a difference of two numbers, which traces have in single precision

} // namespace

double logRatio(const Shape& shape) {
    return std::log(shape.mode / std::max(shape.mode - shape.margin, smallestSecond));
}

double logOthers(double logProbability) {
    return -std::log(std::max(-std::expm1(logProbability), smallestProbability));
}

Shape shapeOf(const Distribution& q) {
    double first = 0;
    double second = 0;
    double entropy = 0;
    for (const double p : q.probabilities()) {
        if (p > second) {
            second = std::min(first, p);
            first = std::max(first, p);
        }
        if (p > 1e-10) { // the rest adds less than 0.001 nats, and logarithms are dear
            entropy -= p * std::log(p);
        }
    }
    return {first, first - second, std::max(0.0, entropy)};
}

double Estimate::of(const Shape& shape, double logProbabilityOfToken, double headLogit) const {
    double sum = bias;
    // A weight of zero spares its feature, and infinity times zero.
    if (logitMode != 0) {
        sum += logitMode * logOdds(shape.mode);
    }
    if (rootEntropy != 0) {
        sum += rootEntropy * std::sqrt(shape.entropy);
    }
    sum += margin * shape.margin;
    if (logRatio != 0) {
        sum += logRatio * specdecpp::logRatio(shape);
    }
    if (logProbability != 0) {
        sum += logProbability * boundedLog(logProbabilityOfToken);
    }
    if (logOthers != 0) {
        sum += logOthers * specdecpp::logOthers(logProbabilityOfToken);
    }
    if (head != 0) {
        sum += head * headLogit;
    }
    switch (link) {
    case Link::logistic:
        return 1 / (1 + std::exp(-sum));
    case Link::exponential:
        return std::exp(sum);
    default:
        return sum;
    }
}

bool weighs(const StopRule& rule, HeadOutput output) {
    const auto& [length, gate, survival] = rule;
    const HeadOutput gated = gate && gate->when == Gate::When::afterDraw ? newest : before;
    if (gate && gate->estimate.head != 0 && output == gated) {
        return true;
    }
    if (!survival) {
        return false;
    }
    switch (output) {
    case older:
        return survival->older.head != 0;
    case before:
        return survival->before.head != 0;
    default:
        return survival->newest.head != 0 || survival->next.head != 0;
    }
}

const char* nameOf(StopReason reason) {
    switch (reason) {
    case StopReason::length:
        return "length";
    case StopReason::gate:
        return "gate";
    case StopReason::end:
        return "end";
    case StopReason::room:
        return "room";
    default:
        return "none";
    }
}

} // namespace specdecpp
