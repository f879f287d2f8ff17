// A round in two calls, draft and verify, and what may come between them.

#include "session.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/session-checks.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

using namespace specdecpp;

TEST_SUITE("draft and verify") {

    TEST_CASE("between draft and verify what is drafted stands behind what is decided") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.draft(roundOptions(3));
        CHECK(session.drafted() == 3);
        CHECK(lengthOf(session.tokens()) == lengthOf(question()) + 3);
        CHECK(session.targetPast() == lengthOf(question()) - 1);
        CHECK(session.draftPast() == lengthOf(question()) + 2);
        session.verify(roundOptions(3), 3);
        CHECK(session.drafted() == 0);
        checkInvariants(session);
    }

    TEST_CASE("drafting goes on where it stopped, up to the rule's length") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.draft(roundOptions(2));
        const std::vector<Token> two = session.tokens();
        session.draft(roundOptions(2));
        CHECK(session.tokens() == two);
        session.draft(roundOptions(4));
        CHECK(session.drafted() == 4);
        CHECK(firstDifference(session.tokens(), two) == two.size());
        CHECK(session.draft(roundOptions(0)) == StopReason::length);
        CHECK(session.drafted() == 4);
    }

    TEST_CASE("verify without a draft before it is plain decoding") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        const Round round = session.verify(roundOptions(4), 0);
        CHECK(round.drafted == 0);
        CHECK(round.tokens.size() == 1);
        checkInvariants(session);
    }

    TEST_CASE("an abort between draft and verify takes the draft back") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        for (const int length : {1, 4}) {
            const std::vector<Token> before = session.tokens();
            session.draft(roundOptions(length));
            session.abort();
            CHECK(errorCode([&] { session.verify(roundOptions(length), length); }) == "ERR_ABORTED");
            session.clearAbort();
            CHECK(session.tokens() == before);
            CHECK(session.drafted() == 0);
            CHECK(session.draftedTokens().empty());
            checkInvariants(session);
        }
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("an abort while a draft is being continued takes all of it back") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.draft(roundOptions(2));
        session.abort();
        CHECK(errorCode([&] { session.draft(roundOptions(4)); }) == "ERR_ABORTED");
        session.clearAbort();
        CHECK(session.tokens() == question());
        CHECK(session.drafted() == 0);
        checkInvariants(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("an error in verify takes the draft back, under a gate and with details too") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        RoundOptions options = roundOptions(4, failingVerifier);
        options.rule.gate = cumulativeGate(0.01);
        options.details = true;
        for (int i = 0; i < 3; ++i) {
            session.draft(options);
            CHECK(session.drafted() > 0);
            CHECK(errorCode([&] { session.verify(options, session.drafted()); }) == "ERR_PLANTED");
            CHECK(session.tokens() == question());
            CHECK(session.drafted() == 0);
            CHECK(session.draftedTokens().empty());
            checkInvariants(session);
        }
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("an error in draft leaves nothing drafted") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        SamplingSettings settings;
        settings.temperature = 1;
        for (Token token = 0; token < demoTarget()->vocabulary().size(); ++token) {
            settings.logitBias.emplace_back(token, -std::numeric_limits<float>::infinity());
        }
        startQuestion(session, settings);
        CHECK(errorCode([&] { session.draft(roundOptions(4)); }) == "ERR_NO_LOGITS");
        CHECK(session.tokens() == question());
        checkInvariants(session);
    }

    TEST_CASE("a full target is ERR_CONTEXT_FULL in draft, and what is decided stays") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4, lengthOf(question())));
        startQuestion(session);
        session.round(roundOptions(4));
        const std::vector<Token> before = session.tokens();
        CHECK(errorCode([&] { session.draft(roundOptions(4)); }) == "ERR_CONTEXT_FULL");
        CHECK(session.tokens() == before);
        checkInvariants(session);
    }

    TEST_CASE("rollBack takes what is drafted back, and of what is decided no more than was asked for") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        while (lengthOf(session.tokens()) < lengthOf(question()) + 8) {
            session.round(roundOptions(4));
        }
        const std::vector<Token> decided = session.tokens();
        const int length = lengthOf(decided);
        for (const int kept : {length + 100, length + 4, length + 2, length, length - 1, length - 3}) {
            CAPTURE(kept - length);
            session.draft(roundOptions(4));
            session.rollBack(kept);
            CHECK(session.drafted() == 0);
            CHECK(lengthOf(session.tokens()) == std::min(kept, length));
            CHECK(firstDifference(session.tokens(), decided) == session.tokens().size());
            checkInvariants(session);
        }
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("begin forgets what is drafted") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(demoPrompts()[1], {}, 1);
        prefillAll(session);
        RoundOptions options = roundOptions(4);
        options.details = true;
        session.draft(options);
        session.begin(question(), {}, 1);
        CHECK(session.drafted() == 0);
        CHECK(session.draftedTokens().empty());
        CHECK(session.tokens() == question());
        prefillAll(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("a round after a gate that stopped before the draw needs no second draft step, and gives the same text") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        RoundOptions gated = roundOptions(4);
        gated.rule.gate = confidenceGate(2);
        CHECK(session.draft(gated) == StopReason::gate);
        CHECK(session.draftPast() == lengthOf(question()));
        CHECK(session.draft(roundOptions(4)) == StopReason::length); // the caller changes its mind
        CHECK(session.draftPast() == lengthOf(question()) + 3);
        session.verify(roundOptions(4), 4);
        checkInvariants(session);
        session.round(gated);
        checkInvariants(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

} // TEST_SUITE
