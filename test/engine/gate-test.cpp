// Where gates end rounds of the demo pair, by working every gate out again from the draft's distributions
// of a plain evaluation.

#include "stop-rule.h"

#include "support/demo.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/slow-features.h"
#include "support/teacher.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

// Where a rule stops, as its documentation says, on distributions of a plain evaluation.
struct RecomputedStop {
    int drafted = 0;
    StopReason reason = StopReason::length;
    double closest = std::numeric_limits<double>::infinity(); // a comparison was to the threshold
};

// q: the distributions of the drafted tokens and the one after them, as rules look at them.
RecomputedStop recompute(const Gate& gate,
                         const std::function<double(const SlowFeatures&, double logProbability)>& estimate, int length,
                         const std::vector<Token>& drafted, const std::vector<Distribution>& q) {
    RecomputedStop stop;
    double product = 1;
    const auto falls = [&](const SlowFeatures& features, double logProbability) {
        product *= estimate(features, logProbability);
        const double compared = gate.product ? product : estimate(features, logProbability);
        stop.closest = std::min(stop.closest, std::abs(compared - gate.threshold));
        return compared < gate.threshold;
    };
    for (int i = 0;; ++i) {
        stop.drafted = i;
        if (i > 0 && demoTarget()->vocabulary().endsGeneration(drafted[i - 1])) {
            stop.reason = StopReason::end;
            return stop;
        }
        if (i == length) {
            return stop;
        }
        const bool before = gate.when == Gate::When::beforeDraw;
        const size_t asked = static_cast<size_t>(before ? i : i - 1);
        if ((before || i > 0) &&
            falls(SlowFeatures(q[asked]), before ? 0 : std::log(q[asked].probability(drafted[asked])))) {
            stop.reason = StopReason::gate;
            return stop;
        }
        if (i == static_cast<int>(drafted.size())) {
            stop.drafted = i + 1; // more than were drafted
            return stop;
        }
    }
}

// The same of a survival gate. Its estimates are those of stop-rule.cpp, which other tests check.
RecomputedStop recompute(const SurvivalGate& gate, int length, const std::vector<Token>& drafted,
                         const std::vector<Distribution>& q) {
    RecomputedStop stop;
    const auto estimate = [&](const Estimate& of, size_t i) {
        return of.of(shapeOf(q[i]), i < drafted.size() ? std::log(q[i].probability(drafted[i])) : 0);
    };
    const auto falls = [&](double survival, const std::vector<double>& thresholds, size_t k) {
        const double threshold = k < thresholds.size() ? thresholds[k] : 0;
        stop.closest = std::min(stop.closest, std::abs(survival - threshold));
        return survival < threshold;
    };
    for (size_t k = 0;; ++k) {
        stop.drafted = static_cast<int>(k);
        if (k > 0 && demoTarget()->vocabulary().endsGeneration(drafted[k - 1])) {
            stop.reason = StopReason::end;
            return stop;
        }
        if (stop.drafted == length) {
            return stop;
        }
        double others = 1; // of the tokens but the newest
        for (size_t i = 0; i + 1 < k; ++i) {
            others *= estimate(gate.older, i);
        }
        stop.reason = StopReason::gate;
        if (k > 0 && falls(others * estimate(gate.newest, k - 1) * estimate(gate.next, k - 1), gate.step, k)) {
            return stop;
        }
        const double all = k > 0 ? others * estimate(gate.older, k - 1) : 1;
        if (falls(all * estimate(gate.before, k), gate.draw, k)) {
            return stop;
        }
        stop.reason = StopReason::length;
        if (k == drafted.size()) {
            stop.drafted += 1; // more than were drafted
            return stop;
        }
    }
}

struct RuleCase {
    const char* name;
    StopRule rule;
    std::function<RecomputedStop(int length, const std::vector<Token>&, const std::vector<Distribution>&)> recomputed;
};

RuleCase gateCase(const char* name, const Gate& gate,
                  std::function<double(const SlowFeatures&, double logProbability)> estimate) {
    return {name,
            {.gate = gate},
            [gate, estimate = std::move(estimate)](int length, const std::vector<Token>& drafted,
                                                   const std::vector<Distribution>& q) {
                return recompute(gate, estimate, length, drafted, q);
            }};
}

double logit(double p) {
    const double bounded = std::min(std::max(p, 1e-9), 1 - 1e-9);
    return std::log(bounded) - std::log(1 - bounded);
}

double logistic(double x) {
    return 1 / (1 + std::exp(-x));
}

std::vector<RuleCase> ruleCases() {
    const auto mode = [](const SlowFeatures& f, double) { return f.mode; };
    const auto probability = [](const SlowFeatures&, double logProbability) { return std::exp(logProbability); };
    Gate product = confidenceGate(0.2);
    product.product = true;
    Gate newest = cumulativeGate(0.2);
    newest.product = false;
    Gate afterDraw = confidenceGate(0.5);
    afterDraw.when = Gate::When::afterDraw;
    Gate all;
    all.when = Gate::When::afterDraw;
    all.product = true;
    all.threshold = 0.35;
    all.estimate = {.bias = 0.3,
                    .logitMode = 0.2,
                    .rootEntropy = -0.3,
                    .margin = 0.8,
                    .logRatio = 0.1,
                    .logProbability = 0.25,
                    .logOthers = 0.4,
                    .link = Estimate::Link::logistic};
    return {
        gateCase("confidence", confidenceGate(0.4), mode),
        gateCase("confidence, product", product, mode),
        gateCase("cumulative", cumulativeGate(0.3), probability),
        gateCase("cumulative, newest", newest, probability),
        gateCase("entropy", entropyGate(0.4),
                 [](const SlowFeatures& f, double) { return 1 - std::sqrt(0.2 * f.entropy); }),
        gateCase("logistic, product", logisticGate(0.7, 0.6, 0.4),
                 [](const SlowFeatures& f, double) { return logistic(0.7 + 0.6 * logit(f.mode)); }),
        gateCase("confidence after the draw", afterDraw, mode),
        gateCase("every feature", all,
                 [](const SlowFeatures& f, double logProbability) {
                     return logistic(0.3 + 0.2 * logit(f.mode) - 0.3 * std::sqrt(f.entropy) + 0.8 * f.margin +
                                     0.1 * std::log(f.mode / std::max(f.mode - f.margin, 1e-6)) +
                                     0.25 * std::max(logProbability, std::log(1e-9)) -
                                     0.4 * std::log(std::max(1 - std::exp(logProbability), 1e-9)));
                 }),
        {"survival",
         {.survival = survivalGate()},
         [](int length, const std::vector<Token>& drafted, const std::vector<Distribution>& q) {
             return recompute(survivalGate(), length, drafted, q);
         }},
    };
}

// Generates with every rule; each round must stop where it is worked out to.
void checkGates(const SamplingSettings& settings, const SamplingSettings& view) {
    constexpr double rounding = 0.003; // between one row and many; nearer to a threshold either is right
    constexpr int maxDraft = 8;
    Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
    for (const RuleCase& each : ruleCases()) {
        int rounds = 0;
        int nearRounds = 0;
        int reasons[5] = {};
        for (size_t prompt = 0; prompt < 3; ++prompt) {
            startPrompt(session, prompt, settings, 40 + prompt);
            RoundOptions options = optionsOf(each.rule);
            options.rule.length = maxDraft;
            options.details = true;
            bool ended = false;
            while (!ended && session.tokens().size() < demoPrompts()[prompt].size() + 40) {
                std::vector<Token> text = session.tokens();
                const size_t from = text.size();
                const Round round = session.round(options);
                std::vector<Token> drafted;
                for (const DraftedToken& token : round.draft) {
                    drafted.push_back(token.token);
                    text.push_back(token.token);
                }
                CHECK(lengthOf(drafted) == round.drafted);
                text.push_back(0);
                const auto rows = teacherForce(demoDraft(), text, from);
                std::vector<Distribution> q;
                for (size_t i = 0; i < rows.size(); ++i) {
                    q.push_back(nextTokenDistribution(rows[i], std::span<const Token>(text).first(from + i), view));
                }
                const RecomputedStop expected = each.recomputed(maxDraft, drafted, q);
                if (expected.closest < rounding) {
                    ++nearRounds;
                } else {
                    INFO(std::string(each.name), ", closest ", expected.closest);
                    CHECK(round.drafted == expected.drafted);
                    CHECK(std::string(nameOf(round.stopReason)) == nameOf(expected.reason));
                }
                ++reasons[static_cast<int>(round.stopReason)];
                ++rounds;
                ended = round.ended;
            }
        }
        MESSAGE(std::string(each.name), ", T = ", settings.temperature, ": ", rounds, " rounds, ", nearRounds,
                " too near to tell; length ", reasons[0], ", gate ", reasons[1], ", end ", reasons[2]);
        CHECK(nearRounds < rounds / 2);
        CHECK(reasons[static_cast<int>(StopReason::gate)] > 0);
    }
}

} // namespace

TEST_SUITE("gates") {

    TEST_CASE("at temperature 1 every gate stops where the draft's distributions say") {
        checkGates(plainSampling(1), plainSampling(1));
    }

    TEST_CASE("with top-k and top-p gates look at what is left") {
        checkGates(truncatedSampling(0.8), truncatedSampling(0.8));
    }

    TEST_CASE("where the draft draws from a few tokens alone, gates look at these") {
        SamplingSettings settings = plainSampling(1);
        settings.draftTopK = 8;
        checkGates(settings, settings.ofDraft());
    }

    TEST_CASE("at temperature 0 gates look at the distributions of temperature 1") {
        checkGates(plainSampling(0), plainSampling(1));
    }

    TEST_CASE("at temperature 0 gates look at biases and penalties, but at no truncation") {
        SamplingSettings settings = truncatedSampling(0);
        SamplingSettings view = plainSampling(1);
        for (SamplingSettings* each : {&settings, &view}) {
            each->repeatPenalty = 1.2;
            each->logitBias = {{demoPrompts()[0][3], 2.0F}};
        }
        checkGates(settings, view);
    }

} // TEST_SUITE
