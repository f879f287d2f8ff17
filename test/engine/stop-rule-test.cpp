// What rules look at, by hand; where rounds of the demo pair end, by working every gate out again from
// the draft's distributions of a plain evaluation.

#include "stop-rule.h"

#include "support/demo.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/teacher.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

bool near(double a, double b, double tolerance = 1e-12) {
    return std::abs(a - b) <= tolerance;
}

void checkShape(const Distribution& q, double mode, double margin, double entropy) {
    const Shape shape = shapeOf(q);
    CHECK(near(shape.mode, mode));
    CHECK(near(shape.margin, margin));
    CHECK(near(shape.entropy, entropy));
}

// The same features the slow way.
struct Features {
    double mode;
    double margin;
    double entropy = 0;

    explicit Features(const Distribution& q) {
        std::vector<double> sorted(q.probabilities().begin(), q.probabilities().end());
        std::sort(sorted.rbegin(), sorted.rend());
        mode = sorted[0];
        margin = sorted.size() > 1 ? sorted[0] - sorted[1] : sorted[0];
        for (const double p : sorted) {
            entropy -= p > 0 ? p * std::log(p) : 0;
        }
    }
};

const Shape someShape{0.6, 0.25, 0.81};

int lengthOf(const std::vector<Token>& tokens) {
    return static_cast<int>(tokens.size());
}

RoundOptions optionsOf(const StopRule& rule, const Verifier& verifier = rejectionSampling) {
    RoundOptions options = roundOptions(rule.length, verifier);
    options.rule = rule;
    return options;
}

void start(Session& session, const SamplingSettings& settings, uint64_t seed = 1, size_t prompt = 0) {
    session.begin(demoPrompts()[prompt], settings, seed);
    prefillAll(session);
}

// Where a rule stops, as its documentation says, on distributions of a plain evaluation.
struct RecomputedStop {
    int drafted = 0;
    StopReason reason = StopReason::length;
    double closest = std::numeric_limits<double>::infinity(); // a comparison was to the threshold
};

// q: the distributions of the drafted tokens and the one after them, as rules look at them.
RecomputedStop recompute(const Gate& gate,
                         const std::function<double(const Features&, double logProbability)>& estimate, int length,
                         const std::vector<Token>& drafted, const std::vector<Distribution>& q) {
    RecomputedStop stop;
    double product = 1;
    const auto falls = [&](const Features& features, double logProbability) {
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
            falls(Features(q[asked]), before ? 0 : std::log(q[asked].probability(drafted[asked])))) {
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
                  std::function<double(const Features&, double logProbability)> estimate) {
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
    const auto mode = [](const Features& f, double) { return f.mode; };
    const auto probability = [](const Features&, double logProbability) { return std::exp(logProbability); };
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
        gateCase("entropy", entropyGate(0.4), [](const Features& f, double) { return 1 - std::sqrt(0.2 * f.entropy); }),
        gateCase("logistic, product", logisticGate(0.7, 0.6, 0.4),
                 [](const Features& f, double) { return logistic(0.7 + 0.6 * logit(f.mode)); }),
        gateCase("confidence after the draw", afterDraw, mode),
        gateCase("every feature", all,
                 [](const Features& f, double logProbability) {
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
            start(session, settings, 40 + prompt, prompt);
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

// A round as lib/generation.ts drives it for a policy that is asked after every token.
Round roundByToken(Session& session, RoundOptions options) {
    const int length = options.rule.length;
    for (;;) {
        const int before = session.drafted();
        options.rule.length = std::min(length, before + 1);
        session.draft(options);
        if (session.drafted() == before || session.drafted() >= length) {
            return session.verify(options, session.drafted());
        }
    }
}

} // namespace

TEST_SUITE("stop rule") {

    TEST_CASE("the shape of a dense distribution, wherever its largest probabilities are") {
        const double entropy = -(0.5 * std::log(0.5) + 0.3 * std::log(0.3) + 0.2 * std::log(0.2));
        checkShape(Distribution::dense({0.5, 0.3, 0.2}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0.2, 0.3, 0.5}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0.3, 0.5, 0.2}), 0.5, 0.2, entropy);
        checkShape(Distribution::dense({0, 0.3, 0, 0.5, 0.2, 0}), 0.5, 0.2, entropy);
    }

    TEST_CASE("the shape of a sparse distribution") {
        checkShape(Distribution::sparse({7, 900}, {0.4, 0.6}), 0.6, 0.2, -(0.4 * std::log(0.4) + 0.6 * std::log(0.6)));
    }

    TEST_CASE("the shape of a certain distribution") {
        checkShape(Distribution::certain(3), 1, 1, 0);
        checkShape(Distribution::dense({0, 1, 0}), 1, 1, 0);
    }

    TEST_CASE("the shape of an even distribution, and of one with two largest probabilities") {
        checkShape(Distribution::dense({0.25, 0.25, 0.25, 0.25}), 0.25, 0, std::log(4));
        checkShape(Distribution::dense({0.1, 0.45, 0, 0.45}), 0.45, 0, -(0.1 * std::log(0.1) + 0.9 * std::log(0.45)));
    }

    TEST_CASE("the shape of random distributions, entropy to a thousandth of a nat") {
        std::mt19937_64 generator(1);
        for (int i = 0; i < 200; ++i) {
            std::normal_distribution<double> logit(0, 0.1 * i);
            std::vector<double> weights(1 + generator() % 2000);
            double total = 0;
            for (double& weight : weights) {
                weight = std::exp(logit(generator));
                total += weight;
            }
            for (double& weight : weights) {
                weight /= total;
            }
            const Distribution q = Distribution::dense(weights);
            const Shape shape = shapeOf(q);
            const Features features(q);
            CHECK(shape.mode == features.mode);
            CHECK(near(shape.margin, features.margin));
            CHECK(near(shape.entropy, features.entropy, 0.001));
        }
    }

    TEST_CASE("an estimate is the weighted sum of its features") {
        Estimate estimate;
        CHECK(estimate.of(someShape, -1.5) == 0);
        estimate.bias = 0.5;
        CHECK(near(estimate.of(someShape, -1.5), 0.5));
        estimate.logitMode = 2;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5)));
        estimate.rootEntropy = -1;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9));
        estimate.margin = 4;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9 + 1));
        estimate.logProbability = 0.1;
        CHECK(near(estimate.of(someShape, -1.5), 0.5 + 2 * std::log(1.5) - 0.9 + 1 - 0.15));
        estimate.logRatio = 0.5;
        CHECK(near(estimate.of(someShape, -1.5), 0.85 + 2 * std::log(1.5) - 0.4 + 0.5 * std::log(0.6 / 0.35)));
        estimate.logRatio = 0;
        estimate.logOthers = 3;
        CHECK(near(estimate.of(someShape, std::log(0.4)),
                   0.6 + 2 * std::log(1.5) + 0.1 * std::log(0.4) - 3 * std::log(0.6)));
    }

    TEST_CASE("an estimate goes through its link") {
        Estimate estimate;
        estimate.bias = 0.3;
        estimate.logProbability = 1;
        const double sum = 0.3 - 1.5;
        CHECK(near(estimate.of(someShape, -1.5), sum));
        estimate.link = Estimate::Link::logistic;
        CHECK(near(estimate.of(someShape, -1.5), 1 / (1 + std::exp(1.2))));
        estimate.link = Estimate::Link::exponential;
        CHECK(near(estimate.of(someShape, -1.5), std::exp(sum)));
    }

    TEST_CASE("the logistic link of the logit is the largest probability itself") {
        for (const double mode : {0.001, 0.3, 0.5, 0.999}) {
            CHECK(near(confidenceGate(0).estimate.of({mode, 0, 0}, 0), mode));
        }
    }

    TEST_CASE("an estimate stays finite where q is certain and where a token is impossible") {
        Estimate estimate;
        estimate.logitMode = 1;
        CHECK(near(estimate.of({1, 1, 0}, 0), std::log((1 - 1e-9) / 1e-9), 1e-6));
        CHECK(near(Estimate{.logRatio = 1}.of({1, 1, 0}, 0), std::log(1e6)));
        CHECK(near(Estimate{.logOthers = 1}.of({1, 1, 0}, 0), std::log(1e9)));
        estimate.logitMode = 0;
        estimate.logProbability = 1;
        CHECK(near(estimate.of({1, 1, 0}, -std::numeric_limits<double>::infinity()), std::log(1e-9)));
        estimate.logProbability = 0;
        CHECK(estimate.of({1, 1, 0}, -std::numeric_limits<double>::infinity()) == 0);
    }

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

    TEST_CASE("a round ends at the rule's length") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(1));
        const Round round = session.round(optionsOf({.length = 3}));
        CHECK(round.drafted == 3);
        CHECK(round.stopReason == StopReason::length);
    }

    TEST_CASE("a gate before the draw can end a round with no token, one after it with one") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        Gate gate = confidenceGate(2); // no probability reaches it
        start(session, plainSampling(1));
        CHECK(session.draft(optionsOf({.length = 6, .gate = gate})) == StopReason::gate);
        CHECK(session.drafted() == 0);
        CHECK(session.draftPast() == lengthOf(session.tokens())); // a step was spent
        const Round round = session.verify(optionsOf({.length = 6, .gate = gate}), 0);
        CHECK(round.tokens.size() == 1);
        CHECK(round.stopReason == StopReason::gate);
        gate.when = Gate::When::afterDraw;
        const Round after = session.round(optionsOf({.length = 6, .gate = gate}));
        CHECK(after.drafted == 1);
        CHECK(after.stopReason == StopReason::gate);
    }

    TEST_CASE("a survival gate is asked before the first draw, after a step, and before the second step") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        SurvivalGate gate;
        gate.newest.bias = gate.older.bias = gate.before.bias = gate.next.bias = 0.5;
        gate.step = {2, 0.26};
        gate.draw = {0.51};
        const auto check = [&](int drafted, int steps, StopReason reason) {
            start(session, plainSampling(1));
            const Round round = session.round(optionsOf({.length = 4, .survival = gate}));
            CHECK(round.drafted == drafted);
            CHECK(round.draftSteps == steps);
            CHECK(round.stopReason == reason);
        };
        check(0, 1, StopReason::gate); // 1/2 is too little for the draw
        gate.draw = {0.5, 0.26};
        check(1, 1, StopReason::gate); // 1/2 · 1/2 is too little for the step
        gate.step = {2, 0.25};
        check(1, 2, StopReason::gate); // and for the draw
        gate.draw = {0.5, 0.25};
        check(4, 4, StopReason::length); // beyond the thresholds there are none
    }

    TEST_CASE("rounds count the passes of the draft") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(1));
        CHECK(session.round(optionsOf({.length = 0})).draftSteps == 0);
        CHECK(session.round(optionsOf({.length = 3})).draftSteps == 3);
        CHECK(session.round(optionsOf({.length = 3, .gate = confidenceGate(2)})).draftSteps == 1);
    }

    TEST_CASE("a gate that no estimate falls below never ends a round") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        for (const Gate::When when : {Gate::When::beforeDraw, Gate::When::afterDraw}) {
            Gate gate = confidenceGate(0);
            gate.when = when;
            gate.product = true;
            start(session, plainSampling(1));
            const Round round = session.round(optionsOf({.length = 6, .gate = gate}));
            CHECK(round.drafted == 6);
            CHECK(round.stopReason == StopReason::length);
        }
    }

    TEST_CASE("a round ends at the end of the text") {
        SamplingSettings settings = plainSampling(1);
        for (Token token = 0; token < demoTarget()->vocabulary().size(); ++token) {
            if (demoTarget()->vocabulary().endsGeneration(token)) {
                settings.logitBias.emplace_back(token, 1000.0F);
            }
        }
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        for (const int length : {1, 6}) { // an end counts before the length
            start(session, settings);
            const Round round = session.round(optionsOf({.length = length}));
            CHECK(round.drafted == 1);
            CHECK(round.stopReason == StopReason::end);
        }
    }

    TEST_CASE("a round ends where there is no more room: of the call, the session, the target or the draft") {
        const int size = lengthOf(demoPrompts()[0]);
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(1));
        RoundOptions options = optionsOf({.length = 6});
        options.room = 3;
        const Round round = session.round(options);
        CHECK(round.drafted == 2);
        CHECK(round.stopReason == StopReason::room);
        options.room = 1;
        CHECK(session.round(options).stopReason == StopReason::room);
        CHECK(session.round(optionsOf({.length = 7})).stopReason == StopReason::room);

        Session fullTarget(demoTarget(), demoDraft(), sessionOptions(6, size + 2));
        start(fullTarget, plainSampling(1));
        const Round target = fullTarget.round(optionsOf({.length = 6}));
        CHECK(target.drafted == 2);
        CHECK(target.stopReason == StopReason::room);

        Session fullDraft(demoTarget(), demoDraft(), sessionOptions(6, 512, size + 2));
        start(fullDraft, plainSampling(1));
        const Round draft = fullDraft.round(optionsOf({.length = 6}));
        CHECK(draft.drafted == 3);
        CHECK(draft.stopReason == StopReason::room);
    }

    TEST_CASE("where length and room are equal the length is the reason") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(1));
        RoundOptions options = optionsOf({.length = 2});
        options.room = 3;
        CHECK(session.round(options).stopReason == StopReason::length);
    }

    TEST_CASE("plain decoding has no reason to stop, nor has a session without a draft") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(1));
        CHECK(session.round(optionsOf({.length = 0, .gate = confidenceGate(0.4)})).stopReason == StopReason::none);
        Session plain(demoTarget(), nullptr, sessionOptions(0));
        start(plain, plainSampling(1));
        CHECK(plain.round(optionsOf({.length = 4, .gate = confidenceGate(0.4)})).stopReason == StopReason::none);
    }

    TEST_CASE("reasons have names") {
        CHECK(std::string(nameOf(StopReason::length)) == "length");
        CHECK(std::string(nameOf(StopReason::gate)) == "gate");
        CHECK(std::string(nameOf(StopReason::end)) == "end");
        CHECK(std::string(nameOf(StopReason::room)) == "room");
        CHECK(std::string(nameOf(StopReason::none)) == "none");
    }

    TEST_CASE("a product counts the tokens of its own round alone, one that was not drawn not at all") {
        // Products of 1/2: 1/2, then 1/4, which is the threshold and not below it, then 1/8, which is.
        Gate gate;
        gate.estimate.bias = 0.5;
        gate.product = true;
        gate.threshold = 0.25;
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        for (const auto& [when, drafted] :
             {std::pair(Gate::When::beforeDraw, 2), std::pair(Gate::When::afterDraw, 3)}) {
            gate.when = when;
            start(session, plainSampling(0));
            for (int i = 0; i < 4; ++i) {
                CHECK(session.draft(optionsOf({.length = 6, .gate = gate})) == StopReason::gate);
                CHECK(session.draft(optionsOf({.length = 6, .gate = gate})) == StopReason::gate); // asked again
                CHECK(session.drafted() == drafted);
                session.verify(optionsOf({.length = 6, .gate = gate}), drafted);
            }
        }
    }

    TEST_CASE("a token that a gate kept from being drawn has no part in the product if drafting goes on after all") {
        Gate gate;
        gate.estimate.bias = 0.5;
        gate.product = true;
        gate.threshold = 0.2;
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        start(session, plainSampling(0));
        session.draft(optionsOf({.length = 6, .gate = gate}));
        CHECK(session.drafted() == 2);
        gate.threshold = 0.1; // 1/8 is above it, 1/16 is not
        session.draft(optionsOf({.length = 6, .gate = gate}));
        CHECK(session.drafted() == 3);
    }

    TEST_CASE("drafting one token a call gives the text, the drafts and the reasons of whole rounds") {
        std::vector<NamedRule> rules = gatedRules();
        rules.push_back(fixedRule(4));
        int rounds = 0;
        Session whole(demoTarget(), demoDraft(), sessionOptions(12));
        Session byToken(demoTarget(), demoDraft(), sessionOptions(12));
        for (const Verifier* verifier : allVerifiers()) {
            for (const NamedRule& rule : rules) {
                for (const double temperature : {0.0, 1.0}) {
                    INFO(std::string(verifier->name), ", ", rule.name, ", T = ", temperature);
                    const size_t prompt = static_cast<size_t>(rounds) % demoPrompts().size();
                    start(whole, plainSampling(temperature), 70, prompt);
                    start(byToken, plainSampling(temperature), 70, prompt);
                    const RoundOptions options = optionsOf(rule.rule, *verifier);
                    bool ended = false;
                    while (!ended && whole.tokens().size() < demoPrompts()[prompt].size() + 40) {
                        const Round a = whole.round(options);
                        const Round b = roundByToken(byToken, options);
                        CHECK(a.tokens == b.tokens);
                        CHECK(a.drafted == b.drafted);
                        CHECK(a.accepted == b.accepted);
                        CHECK(std::string(nameOf(a.stopReason)) == nameOf(b.stopReason));
                        ended = a.ended || a.tokens != b.tokens;
                        ++rounds;
                    }
                }
            }
        }
        MESSAGE(rounds, " rounds");
    }

} // TEST_SUITE
