// Where rounds end and for what reason: by the rule's length, its gates, the end of the text, or for want of room.

#include "stop-rule.h"

#include "support/demo.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace specdecpp;

namespace {

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

    TEST_CASE("a round ends at the rule's length") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        startPrompt(session, 0, plainSampling(1));
        const Round round = session.round(optionsOf({.length = 3}));
        CHECK(round.drafted == 3);
        CHECK(round.stopReason == StopReason::length);
    }

    TEST_CASE("a gate before the draw can end a round with no token, one after it with one") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        Gate gate = confidenceGate(2); // no probability reaches it
        startPrompt(session, 0, plainSampling(1));
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
            startPrompt(session, 0, plainSampling(1));
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
        startPrompt(session, 0, plainSampling(1));
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
            startPrompt(session, 0, plainSampling(1));
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
            startPrompt(session, 0, settings);
            const Round round = session.round(optionsOf({.length = length}));
            CHECK(round.drafted == 1);
            CHECK(round.stopReason == StopReason::end);
        }
    }

    TEST_CASE("a round ends where there is no more room: of the call, the session, the target or the draft") {
        const int size = lengthOf(demoPrompts()[0]);
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        startPrompt(session, 0, plainSampling(1));
        RoundOptions options = optionsOf({.length = 6});
        options.room = 3;
        const Round round = session.round(options);
        CHECK(round.drafted == 2);
        CHECK(round.stopReason == StopReason::room);
        options.room = 1;
        CHECK(session.round(options).stopReason == StopReason::room);
        CHECK(session.round(optionsOf({.length = 7})).stopReason == StopReason::room);

        Session fullTarget(demoTarget(), demoDraft(), sessionOptions(6, size + 2));
        startPrompt(fullTarget, 0, plainSampling(1));
        const Round target = fullTarget.round(optionsOf({.length = 6}));
        CHECK(target.drafted == 2);
        CHECK(target.stopReason == StopReason::room);

        Session fullDraft(demoTarget(), demoDraft(), sessionOptions(6, 512, size + 2));
        startPrompt(fullDraft, 0, plainSampling(1));
        const Round draft = fullDraft.round(optionsOf({.length = 6}));
        CHECK(draft.drafted == 3);
        CHECK(draft.stopReason == StopReason::room);
    }

    TEST_CASE("where length and room are equal the length is the reason") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        startPrompt(session, 0, plainSampling(1));
        RoundOptions options = optionsOf({.length = 2});
        options.room = 3;
        CHECK(session.round(options).stopReason == StopReason::length);
    }

    TEST_CASE("plain decoding has no reason to stop, nor has a session without a draft") {
        Session session(demoTarget(), demoDraft(), sessionOptions(6));
        startPrompt(session, 0, plainSampling(1));
        CHECK(session.round(optionsOf({.length = 0, .gate = confidenceGate(0.4)})).stopReason == StopReason::none);
        Session plain(demoTarget(), nullptr, sessionOptions(0));
        startPrompt(plain, 0, plainSampling(1));
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
            startPrompt(session, 0, plainSampling(0));
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
        startPrompt(session, 0, plainSampling(0));
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
                    startPrompt(whole, prompt, plainSampling(temperature), 70);
                    startPrompt(byToken, prompt, plainSampling(temperature), 70);
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
