#include "survival.h"

namespace specdecpp {

namespace {

double thresholdAt(const std::vector<double>& thresholds, int k) {
    const auto index = static_cast<size_t>(k);
    return index < thresholds.size() ? thresholds[index] : 0;
}

} // namespace

bool Survival::paysStep(const SurvivalGate& gate, int k) const {
    return older_ * newest_ * next_ >= thresholdAt(gate.step, k);
}

bool Survival::paysDraw(const SurvivalGate& gate, int k, const Shape& shape, double logit) const {
    return older_ * newest_ * gate.before.of(shape, 0, logit) >= thresholdAt(gate.draw, k);
}

void Survival::drawn(const SurvivalGate& gate, const Shape& shape, double logProbability, double logit) {
    older_ *= newest_;
    newest_ = gate.newest.of(shape, logProbability, logit);
    next_ = gate.next.of(shape, logProbability, logit);
}

void Survival::read(const SurvivalGate& gate, const Shape& shape, double logProbability, double logit) {
    newest_ = gate.older.of(shape, logProbability, logit);
}

} // namespace specdecpp
