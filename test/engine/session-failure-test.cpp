// After an abort, an error or in a full context a session holds what was decided before, and its text goes on as
// if nothing had happened.

#include "session.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/session-checks.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace specdecpp;

TEST_SUITE("session failures") {

    TEST_CASE("an abort before prefill is ERR_ABORTED and leaves nothing evaluated") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(question(), {}, 1);
        session.abort();
        CHECK(errorCode([&] { prefillAll(session); }) == "ERR_ABORTED");
        CHECK(session.tokens() == question());
        CHECK(session.targetPast() == 0);
        CHECK(session.draftPast() == 0);
    }

    TEST_CASE("a text whose prefill was aborted goes on as if it had not been") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(question(), {}, 1);
        session.prefill(10);
        session.abort();
        CHECK(errorCode([&] { prefillAll(session); }) == "ERR_ABORTED");
        session.clearAbort();
        prefillAll(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("an aborted round adds nothing and keeps the invariants") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.round(roundOptions(4));
        for (const int length : {4, 0}) { // in the draft's evaluation, in the target's
            const std::vector<Token> before = session.tokens();
            session.abort();
            CHECK(errorCode([&] { session.round(roundOptions(length)); }) == "ERR_ABORTED");
            session.clearAbort();
            CHECK(session.tokens() == before);
            checkInvariants(session);
        }
    }

    TEST_CASE("a text that was aborted again and again is the text that never was") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        bool ended = false;
        for (int i = 0; i < 15 && !ended; ++i) {
            session.abort();
            CHECK(errorCode([&] { session.round(roundOptions(i % 3 == 0 ? 0 : 4)); }) == "ERR_ABORTED");
            session.clearAbort();
            ended = session.round(roundOptions(4)).ended;
        }
        const std::vector<Token> whole = plainReply(question(), lengthOf(session.tokens()) - lengthOf(question()));
        CHECK(gapAtFirstDifference(session.tokens(), whole) < nearTie);
    }

    TEST_CASE("an abort stays until it is cleared") {
        Session session(demoTarget(), nullptr, sessionOptions(0));
        startQuestion(session);
        session.abort();
        CHECK(errorCode([&] { session.round(roundOptions(0)); }) == "ERR_ABORTED");
        CHECK(errorCode([&] { session.round(roundOptions(0)); }) == "ERR_ABORTED");
        session.clearAbort();
        CHECK(session.round(roundOptions(0)).tokens.size() == 1);
    }

    TEST_CASE("an error after drafting and the target's pass takes both back") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.round(roundOptions(4));
        const std::vector<Token> before = session.tokens();
        CHECK(errorCode([&] { session.round(roundOptions(4, failingVerifier)); }) == "ERR_PLANTED");
        CHECK(session.tokens() == before);
        checkInvariants(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("when no token is possible the round is ERR_NO_LOGITS and nothing is lost") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        SamplingSettings settings;
        settings.temperature = 1;
        for (Token token = 0; token < demoTarget()->vocabulary().size(); ++token) {
            settings.logitBias.emplace_back(token, -std::numeric_limits<float>::infinity());
        }
        startQuestion(session, settings);
        CHECK(errorCode([&] { session.round(roundOptions(4)); }) == "ERR_NO_LOGITS");
        CHECK(session.tokens() == question());
        checkInvariants(session);
    }

    TEST_CASE("the target's context is used to its last token, and then ERR_CONTEXT_FULL loses nothing") {
        const int size = lengthOf(question()) + 20;
        for (const int length : {0, 4}) {
            CAPTURE(length);
            Session session(demoTarget(), demoDraft(), sessionOptions(4, size));
            startQuestion(session);
            bool ended = false;
            CHECK(errorCode([&] {
                      while (!ended) {
                          ended = session.round(roundOptions(length)).ended;
                      }
                  }) == "ERR_CONTEXT_FULL");
            // A context of n tokens predicts the token after its last.
            CHECK(lengthOf(session.tokens()) == size + 1);
            checkInvariants(session);
            CHECK(gapAtFirstDifference(session.tokens(), plainReply(question(), 21)) < nearTie);
        }
    }

    TEST_CASE("a prompt that fills the context exactly has room for one token") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4, lengthOf(question())));
        startQuestion(session);
        CHECK(session.round(roundOptions(4)).tokens.size() == 1);
        CHECK(errorCode([&] { session.round(roundOptions(4)); }) == "ERR_CONTEXT_FULL");
    }

    TEST_CASE("a prompt longer than the target's context is ERR_CONTEXT_FULL, and the text before it stays") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4, lengthOf(question())));
        startQuestion(session);
        std::vector<Token> longer = question();
        longer.push_back(longer.back());
        CHECK(errorCode([&] { session.begin(longer, {}, 1); }) == "ERR_CONTEXT_FULL");
        CHECK(session.tokens() == question());
        checkInvariants(session);
    }

} // TEST_SUITE
