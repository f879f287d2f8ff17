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

bool Survival::paysDraw(const SurvivalGate& gate, int k, const Shape& shape) const {
    return older_ * newest_ * gate.before.of(shape, 0) >= thresholdAt(gate.draw, k);
}

void Survival::drawn(const SurvivalGate& gate, const Shape& shape, double logProbability) {
    older_ *= newest_;
    newest_ = gate.newest.of(shape, logProbability);
    next_ = gate.next.of(shape, logProbability);
}

void Survival::read(const SurvivalGate& gate, const Shape& shape, double logProbability) {
    newest_ = gate.older.of(shape, logProbability);
}

} // namespace specdecpp
