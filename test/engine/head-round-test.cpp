// Heads in rounds of the demo pair: what they are asked, and that rules obey them.

#include "session.h"

#include "support/demo-head.h"
#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/head-reference.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr int maxDraft = 20;

SessionOptions optionsWith(std::shared_ptr<const AcceptanceHead> head) {
    SessionOptions options = sessionOptions(maxDraft);
    options.head = std::move(head);
    return options;
}

RoundOptions detailsOf(const StopRule& rule) {
    RoundOptions options = optionsOf(rule);
    options.details = true;
    return options;
}

// The same logits of the states that the round gave back.
std::vector<float> batchScores(const AcceptanceHead& head, const Round& round, double temperature) {
    const size_t columns = head.shape().columns.empty() ? 0 : HeadFeatures::names().size();
    std::vector<int32_t> steps; // also the rows of the states, and how many tokens were drafted
    std::vector<float> scalars(columns * round.draft.size());
    HeadFeatures features;
    features.temperature = temperature;
    for (size_t k = 0; k < round.draft.size(); ++k) {
        const DraftedToken& token = round.draft[k];
        steps.push_back(static_cast<int32_t>(k));
        features.shape = token.shape;
        features.drafted = static_cast<int>(k);
        features.logProbability = std::log(token.q);
        if (columns > 0) {
            features.write(std::span<float>(scalars).subspan(k * columns, columns));
        }
        features.previous = {token.shape, std::log(token.q)};
    }
    return head.scores({round.states, steps, scalars, {}}, steps);
}

double logistic(double x) {
    return 1 / (1 + std::exp(-x));
}

// What a rule drafts must be what it is worked out to draft from `all`, a longer draft with the same dice.
struct Stops {
    int byGate = 0;
    int byLength = 0;
};

template <typename WorkedOut>
Stops checkStops(const AcceptanceHead& head, const StopRule& rule, const WorkedOut& workedOut) {
    const auto shared = std::shared_ptr<const AcceptanceHead>(&head, [](const AcceptanceHead*) {});
    Session session(demoTarget(), demoDraft(), optionsWith(shared));
    Stops stops;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        startPrompt(session, seed % 4, plainSampling(1), seed);
        const Round all = session.round(detailsOf({.length = rule.length}));
        if (all.stopReason != StopReason::length) {
            continue; // the text ended
        }
        startPrompt(session, seed % 4, plainSampling(1), seed);
        const Round round = session.round(detailsOf(rule));
        const int expected = workedOut(all.draft);
        CHECK(round.drafted == expected);
        CHECK(round.stopReason == (expected < rule.length ? StopReason::gate : StopReason::length));
        for (int i = 0; i < std::min(round.drafted, expected); ++i) {
            CHECK(round.draft[static_cast<size_t>(i)].token == all.draft[static_cast<size_t>(i)].token);
        }
        ++(expected < rule.length ? stops.byGate : stops.byLength);
    }
    return stops;
}

} // namespace

TEST_SUITE("head rounds") {

    TEST_CASE("what a head says in a round is what it says of the states that the round gives back") {
        for (const HeadKind kind : {HeadKind::paper, HeadKind::full}) {
            const auto head = demoHead(kind);
            Session session(demoTarget(), demoDraft(), optionsWith(head));
            for (const double temperature : {0.0, 0.8}) {
                CAPTURE(temperature);
                startPrompt(session, 0, plainSampling(temperature), 5);
                RoundOptions options = detailsOf({.length = 7});
                options.states = true;
                for (int i = 0; i < 4; ++i) {
                    const Round round = session.round(options);
                    const std::vector<float> expected = batchScores(*head, round, temperature);
                    const auto outputs = static_cast<size_t>(head->shape().outputs());
                    for (size_t k = 0; k < round.draft.size(); ++k) {
                        const DraftedToken& token = round.draft[k];
                        const auto near = [&](double said, size_t step, HeadOutput output) {
                            return std::abs(said - expected[step * outputs + output]) < 0.01; // states were rounded
                        };
                        if (k + 1 < round.draft.size()) {
                            CHECK(near(token.older, k + 1, older));
                        } else {
                            CHECK(std::isnan(token.older));
                        }
                        if (kind == HeadKind::full) {
                            CHECK(near(token.before, k, before));
                            CHECK(near(token.newest, k, newest));
                        } else {
                            CHECK(std::isnan(token.before));
                            CHECK(std::isnan(token.newest));
                        }
                    }
                }
            }
        }
    }

    TEST_CASE("SpecDec++'s rule stops when the product of all scores but the newest falls") {
        for (const double h : {0.5, 0.7}) {
            const Stops stops = checkStops(*demoHead(HeadKind::paper), {.length = 5, .survival = paperGate(h)},
                                           [&](const std::vector<DraftedToken>& all) {
                                               double product = 1; // of all that have a score
                                               int drafted = 1;
                                               while (drafted < 5 && 1 - product <= h) {
                                                   ++drafted;
                                                   const auto scored = static_cast<size_t>(drafted) - 2;
                                                   product *= logistic(all[scored].older);
                                               }
                                               return drafted;
                                           });
            MESSAGE("h = ", h, ": ", stops.byGate, " rounds stop by the gate, ", stops.byLength, " by the length");
            CHECK(stops.byGate > 5);
            CHECK(stops.byLength > 1);
        }
    }

    TEST_CASE("a gate after the draw weighs what a head says of the newest token") {
        Gate gate;
        gate.when = Gate::When::afterDraw;
        gate.product = true;
        gate.threshold = 0.45;
        gate.estimate = {.bias = 1, .margin = 0.5, .head = 0.7, .link = Estimate::Link::logistic};
        const Stops stops = checkStops(*demoHead(HeadKind::full), {.length = 5, .gate = gate},
                                       [&](const std::vector<DraftedToken>& all) {
                                           double product = 1;
                                           int drafted = 0;
                                           while (drafted < 5 && product >= gate.threshold) {
                                               const DraftedToken& drawn = all[static_cast<size_t>(drafted)];
                                               product *= logistic(1 + 0.5 * drawn.shape.margin + 0.7 * drawn.newest);
                                               ++drafted;
                                           }
                                           return drafted;
                                       });
        MESSAGE(stops.byGate, " rounds stop by the gate, ", stops.byLength, " by the length");
        CHECK(stops.byGate > 5);
        CHECK(stops.byLength > 1);
    }

    TEST_CASE("a gate before the draw weighs what a head says of the token that is not drawn") {
        Gate gate;
        gate.threshold = 0.55;
        gate.estimate = {.head = 1, .link = Estimate::Link::logistic};
        const Stops stops = checkStops(
            *demoHead(HeadKind::full), {.length = 5, .gate = gate}, [&](const std::vector<DraftedToken>& all) {
                int drafted = 0;
                while (drafted < 5 && logistic(all[static_cast<size_t>(drafted)].before) >= gate.threshold) {
                    ++drafted;
                }
                return drafted;
            });
        MESSAGE(stops.byGate, " rounds stop by the gate, ", stops.byLength, " by the length");
        CHECK(stops.byGate > 5);
        CHECK(stops.byLength > 1);
    }

    TEST_CASE("a survival gate weighs what a head says of every token") {
        const SurvivalGate gate = headGate();
        const auto threshold = [](const std::vector<double>& thresholds, size_t k) {
            return k < thresholds.size() ? thresholds[k] : 0;
        };
        const Stops stops = checkStops(
            *demoHead(HeadKind::full), {.length = 5, .survival = gate}, [&](const std::vector<DraftedToken>& all) {
                double others = 1; // of the tokens that have been read
                for (size_t k = 0; k < 5; ++k) {
                    if (k > 0) {
                        const DraftedToken& last = all[k - 1];
                        const double step = others * logistic(last.newest) * logistic(1.5 + 0.3 * last.newest);
                        if (step < threshold(gate.step, k)) {
                            return static_cast<int>(k);
                        }
                        others *= logistic(0.5 + 0.8 * last.older);
                    }
                    if (others * logistic(1 + 0.5 * all[k].before) < threshold(gate.draw, k)) {
                        return static_cast<int>(k);
                    }
                }
                return 5;
            });
        MESSAGE(stops.byGate, " rounds stop by the gate, ", stops.byLength, " by the length");
        CHECK(stops.byGate > 5);
        CHECK(stops.byLength > 1);
    }

    TEST_CASE("a head changes nothing where no rule weighs it") {
        Session with(demoTarget(), demoDraft(), optionsWith(demoHead(HeadKind::full)));
        Session without(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        const RoundOptions options = roundOptions(4);
        const Text text = generate(with, demoPrompts()[0], plainSampling(1), 3, options, 60);
        CHECK(text.tokens == generate(without, demoPrompts()[0], plainSampling(1), 3, options, 60).tokens);
    }

    TEST_CASE("a round that is drafted token by token asks the head the same") {
        Session session(demoTarget(), demoDraft(), optionsWith(demoHead(HeadKind::full)));
        const RoundOptions options = detailsOf({.length = 6});
        startPrompt(session, 0, plainSampling(1), 9);
        const Round whole = session.round(options);
        startPrompt(session, 0, plainSampling(1), 9);
        for (int length = 1; length <= 6; ++length) {
            session.draft(detailsOf({.length = length}));
        }
        const Round parts = session.verify(options, session.drafted());
        REQUIRE(parts.draft.size() == whole.draft.size());
        for (size_t i = 0; i < whole.draft.size(); ++i) {
            CHECK(parts.draft[i].token == whole.draft[i].token);
            CHECK(parts.draft[i].newest == whole.draft[i].newest);
            CHECK((parts.draft[i].older == whole.draft[i].older || i + 1 == whole.draft.size()));
        }
    }

    TEST_CASE("the draft catches up in one step where a head reads its states") {
        Session session(demoTarget(), demoDraft(), optionsWith(demoHead(HeadKind::full)));
        startPrompt(session, 0, {}, 1);
        for (int i = 0; i < 6; ++i) {
            session.round(roundOptions(0)); // which the draft does not read
        }
        CHECK(session.round(roundOptions(1)).draftSteps == 1);
    }

    TEST_CASE("a rule that weighs what no head says is refused") {
        const auto refused = [](std::shared_ptr<const AcceptanceHead> head, const StopRule& rule) {
            Session session(demoTarget(), demoDraft(), optionsWith(std::move(head)));
            startPrompt(session, 0, {}, 1);
            return errorCode([&] { session.round(detailsOf(rule)); }) == "ERR_INVALID_ARGUMENT";
        };
        const StopRule full{.length = 4, .survival = headGate()};
        const StopRule paper{.length = 4, .survival = paperGate(0.5)};
        CHECK(refused(nullptr, full));
        CHECK(refused(nullptr, paper));
        CHECK(refused(demoHead(HeadKind::paper), full));
        CHECK_FALSE(refused(demoHead(HeadKind::paper), paper));
        CHECK_FALSE(refused(demoHead(HeadKind::full), full));
        CHECK_FALSE(refused(demoHead(HeadKind::full), paper));
    }

    TEST_CASE("a head for other states is refused, and one without a draft") {
        const auto narrow = makeHead(paperShape(64, 1, false), "f32");
        CHECK(errorCode([&] { Session session(demoTarget(), demoDraft(), optionsWith(narrow)); }) ==
              "ERR_HEAD_MISMATCH");
        CHECK(errorMessage([&] { Session session(demoTarget(), demoDraft(), optionsWith(narrow)); }).find("64") !=
              std::string::npos);
        CHECK(errorCode([&] { Session session(demoTarget(), nullptr, optionsWith(demoHead(HeadKind::paper))); }) ==
              "ERR_INVALID_ARGUMENT");
    }

} // TEST_SUITE
