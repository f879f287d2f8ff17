#include "thread-tuner.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace specdecpp {

namespace {

constexpr double rate = 0.25;         // weight of a new time in the average
constexpr double trialPatience = 1.5; // of the best time known, for another number of threads
constexpr double jump = 3;            // times the average: the cores are taken
constexpr double slackMicros = 200;   // what a scheduler may add to any decode
constexpr int longestPeriod = 512;

} // namespace

ThreadTuner::ThreadTuner(int maxThreads, double expectedMicros) : expectedMicros_(expectedMicros) {
    for (RowClass& rowClass : classes_) {
        for (int threads = maxThreads; threads > 1; threads /= 2) {
            rowClass.candidates.push_back({threads});
        }
        rowClass.candidates.push_back({1});
        rowClass.nextTrial = rowClass.candidates.size() - 1; // the safest first
    }
}

ThreadTuner::RowClass& ThreadTuner::classOf(int rows) {
    const auto index = static_cast<size_t>(std::bit_width(static_cast<unsigned>(std::max(rows, 1) - 1)));
    return classes_[std::min(index, classes_.size() - 1)];
}

ThreadTuner::Plan ThreadTuner::plan(int rows) {
    RowClass& rowClass = classOf(rows);
    const Candidate& best = rowClass.candidates[rowClass.best];
    if (rowClass.candidates.size() == 1) {
        return {1, std::numeric_limits<double>::infinity()};
    }
    if (best.micros == 0) {
        // One thread is never given up: nothing is safer.
        return {best.threads,
                best.threads == 1 ? std::numeric_limits<double>::infinity() : expectedMicros_ * (1 + rows / 5.0)};
    }
    if (--rowClass.untilTrial > 0) {
        return {best.threads,
                best.threads == 1 ? std::numeric_limits<double>::infinity() : jump * jump * best.micros + slackMicros};
    }
    if (rowClass.nextTrial == rowClass.best) {
        rowClass.nextTrial = (rowClass.nextTrial + 1) % rowClass.candidates.size();
    }
    const Candidate& trial = rowClass.candidates[rowClass.nextTrial];
    rowClass.nextTrial = (rowClass.nextTrial + 1) % rowClass.candidates.size();
    rowClass.period = std::min(2 * rowClass.period, longestPeriod);
    rowClass.untilTrial = rowClass.period;
    return {trial.threads, trialPatience * best.micros + slackMicros};
}

void ThreadTuner::observe(int rows, const Plan& plan, double micros, bool gaveUp) {
    RowClass& rowClass = classOf(rows);
    const auto seen = std::find_if(rowClass.candidates.begin(), rowClass.candidates.end(),
                                   [&plan](const Candidate& candidate) { return candidate.threads == plan.threads; });
    const bool isBest = static_cast<size_t>(seen - rowClass.candidates.begin()) == rowClass.best;
    const bool jumped = seen->micros > 0 && micros > jump * seen->micros + slackMicros;
    // The number in use is averaged, unless it has become another matter; of the others the last trial
    // counts, because what was before it was in other times.
    const bool averaged = isBest && seen->micros > 0 && !gaveUp && !jumped;
    seen->micros = averaged ? seen->micros + rate * (micros - seen->micros) : micros;

    for (size_t i = 0; i < rowClass.candidates.size(); ++i) {
        const double best = rowClass.candidates[rowClass.best].micros;
        const double other = rowClass.candidates[i].micros;
        if (other > 0 && other < best) {
            rowClass.best = i;
        }
    }
    if (isBest && (gaveUp || jumped)) {
        if (&rowClass.candidates[rowClass.best] == &*seen) {
            rowClass.best = rowClass.candidates.size() - 1;
            rowClass.candidates.back().micros = 0;
        }
        rowClass.period = 8;
        rowClass.untilTrial = rowClass.period;
    }
}

} // namespace specdecpp
