// Prompts and rounds: what a session holds after them, and that its text is that of plain decoding.

#include "session.h"

#include "support/demo.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/session-checks.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

using namespace specdecpp;

namespace {

Token endToken() {
    for (Token token = 0;; ++token) {
        if (demoTarget()->vocabulary().piece(token).empty() && demoTarget()->vocabulary().endsGeneration(token)) {
            return token;
        }
    }
}

} // namespace

TEST_SUITE("session") {

    TEST_CASE("prefill evaluates all of the prompt but its last token, in both models") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(question(), {}, 1);
        CHECK(session.targetPast() == 0);
        prefillAll(session);
        CHECK(session.targetPast() == lengthOf(question()) - 1);
        CHECK(session.draftPast() == lengthOf(question()) - 1);
        CHECK(session.tokens() == question());
    }

    TEST_CASE("prefill says how many tokens of the prompt are left") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(question(), {}, 1);
        CHECK(session.prefill(5) == lengthOf(question()) - 6);
        CHECK(session.targetPast() == 5);
        CHECK(session.prefill(1) == lengthOf(question()) - 7);
        CHECK(session.prefill(1000) == 0);
        CHECK(session.prefill(1000) == 0);
    }

    TEST_CASE("a prompt of one token needs no prefill") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin({question()[0]}, {}, 1);
        CHECK(session.prefill(10) == 0);
        CHECK(session.round(roundOptions(4)).tokens.size() >= 1);
        checkInvariants(session);
    }

    TEST_CASE("prefill in parts gives the text that prefill in one gives") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(question(), {}, 1);
        while (session.prefill(7) > 0) {
        }
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("a round adds its accepted tokens and one of the target's") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        for (int i = 0; i < 10; ++i) {
            const std::vector<Token> before = session.tokens();
            const Round round = session.round(roundOptions(4));
            CHECK(round.accepted <= round.drafted);
            CHECK(round.drafted <= 4);
            CHECK(lengthOf(round.tokens) == round.accepted + 1);
            std::vector<Token> after = before;
            after.insert(after.end(), round.tokens.begin(), round.tokens.end());
            CHECK(session.tokens() == after);
            checkInvariants(session);
        }
    }

    TEST_CASE("a round drafts no more than its session allows, whatever the rule says") {
        Session session(demoTarget(), demoDraft(), sessionOptions(2));
        startQuestion(session);
        CHECK(session.round(roundOptions(9)).drafted == 2);
    }

    TEST_CASE("with room for one token nothing is drafted") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        RoundOptions options = roundOptions(4);
        options.room = 1;
        const Round round = session.round(options);
        CHECK(round.drafted == 0);
        CHECK(round.tokens.size() == 1);
    }

    TEST_CASE("a round never adds more tokens than there is room for") {
        Session session(demoTarget(), demoDraft(), sessionOptions(8));
        startQuestion(session);
        for (const int room : {2, 3, 4, 2, 3, 4}) {
            RoundOptions options = roundOptions(8);
            options.room = room;
            CHECK(lengthOf(session.round(options).tokens) <= room);
        }
    }

    TEST_CASE("after plain rounds the draft catches up") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        for (int i = 0; i < 5; ++i) {
            session.round(roundOptions(0));
        }
        CHECK(session.draftPast() == session.targetPast() - 5);
        CHECK(session.round(roundOptions(4)).drafted == 4);
        checkInvariants(session);
        checkSameAsPlain(continueText(session, question().size(), roundOptions(4), 60), 60);
    }

    TEST_CASE("a model drafts for itself with nearly every token accepted") {
        Session session(demoTarget(), demoTarget(), sessionOptions(4));
        const Text text = generate(session, question(), {}, 1, roundOptions(4), 60);
        CHECK(text.accepted >= text.drafted - 4); // near ties
        checkSameAsPlain(text, 60);
    }

    TEST_CASE("log probabilities are the target's, one for each token") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        SamplingSettings settings;
        settings.temperature = 0.5; // of no effect on them
        startQuestion(session, settings);
        RoundOptions options = roundOptions(4);
        options.logProbabilities = true;
        std::vector<double> reported;
        for (int i = 0; i < 8; ++i) {
            const Round round = session.round(options);
            CHECK(round.logProbabilities.size() == round.tokens.size());
            reported.insert(reported.end(), round.logProbabilities.begin(), round.logProbabilities.end());
        }
        const auto rows = teacherForce(demoTarget(), session.tokens(), question().size());
        REQUIRE(rows.size() == reported.size());
        for (size_t i = 0; i < rows.size(); ++i) {
            CHECK(std::abs(reported[i] - logProbability(rows[i], session.tokens()[question().size() + i])) < 0.05);
        }
    }

    TEST_CASE("rollBack takes tokens back, and the text goes on from there") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        const Text first = generate(session, question(), {}, 1, roundOptions(4), 40);
        const int kept = lengthOf(question()) + 10;
        session.rollBack(kept);
        CHECK(lengthOf(session.tokens()) == kept);
        checkInvariants(session);
        const Text second = continueText(session, question().size(), roundOptions(4), 40);
        CHECK(gapAtFirstDifference(first.tokens, second.tokens) < nearTie);
    }

    TEST_CASE("rollBack to more than there is has no effect") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        startQuestion(session);
        session.round(roundOptions(4));
        const std::vector<Token> before = session.tokens();
        session.rollBack(lengthOf(before) + 5);
        CHECK(session.tokens() == before);
        checkInvariants(session);
    }

    TEST_CASE("begin starts a text that knows nothing of the one before") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        generate(session, demoPrompts()[1], {}, 1, roundOptions(4), 20);
        checkSameAsPlain(generate(session, question(), {}, 1, roundOptions(4), 60), 60);
    }

    TEST_CASE("when the draft's context is full plain decoding goes on") {
        const int draftSize = lengthOf(question()) + 15;
        Session session(demoTarget(), demoDraft(), sessionOptions(4, 512, draftSize));
        startQuestion(session);
        const Text text = continueText(session, question().size(), roundOptions(4), 50);
        CHECK(text.replyLength() == 50);
        CHECK(text.accepted > 0);
        CHECK(session.draftPast() <= draftSize);
        CHECK(session.round(roundOptions(4)).drafted == 0);
        checkSameAsPlain(text, 50);
    }

    TEST_CASE("a prompt longer than the draft's context is decoded plainly") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4, 512, lengthOf(question()) / 2));
        const Text text = generate(session, question(), {}, 1, roundOptions(4), 40);
        CHECK(text.drafted == 0);
        checkSameAsPlain(text, 40);
    }

    TEST_CASE("a drafted end of generation ends the round without a token after it") {
        for (const Verifier* verifier : allVerifiers()) {
            CAPTURE(std::string(verifier->name));
            SamplingSettings settings;
            settings.logitBias = {{endToken(), 1000.0F}};
            Session session(demoTarget(), demoDraft(), sessionOptions(4));
            startQuestion(session, settings);
            const Round round = session.round(roundOptions(4, *verifier));
            CHECK(round.drafted == 1);
            CHECK(round.accepted == 1);
            CHECK(round.ended);
            CHECK(round.tokens == std::vector<Token>{endToken()});
            checkInvariants(session);
        }
    }

    TEST_CASE("the target's own end of generation ends the round") {
        SamplingSettings settings;
        settings.logitBias = {{endToken(), 1000.0F}};
        Session session(demoTarget(), nullptr, sessionOptions(0));
        startQuestion(session, settings);
        const Round round = session.round(roundOptions(0));
        CHECK(round.ended);
        CHECK(round.tokens == std::vector<Token>{endToken()});
    }

    TEST_CASE("a session without a draft decodes plainly, whatever the rule says") {
        Session session(demoTarget(), nullptr, sessionOptions(4));
        startQuestion(session);
        const Round round = session.round(roundOptions(4));
        CHECK(round.drafted == 0);
        CHECK(round.tokens.size() == 1);
        CHECK(session.draftPast() == 0);
        CHECK(session.draftSize() == 0);
    }

} // TEST_SUITE
