#include "session.h"

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

using namespace specdecpp;

namespace {

const std::vector<Token>& question() {
    return demoPrompts()[0];
}

int lengthOf(const std::vector<Token>& tokens) {
    return static_cast<int>(tokens.size());
}

// The invariants of Session between calls, once the prompt is in.
void checkInvariants(const Session& session) {
    CHECK(session.targetPast() == lengthOf(session.tokens()) - 1);
    CHECK(session.draftPast() <= session.targetPast());
}

void startQuestion(Session& session, const SamplingSettings& settings = {}) {
    session.begin(question(), settings, 1);
    prefillAll(session);
}

std::vector<Token> plainReply(const std::vector<Token>& prompt, int limit, const SamplingSettings& settings = {}) {
    Session session(demoTarget(), nullptr, sessionOptions(0));
    return generate(session, prompt, settings, 1, roundOptions(0), limit).tokens;
}

void checkSameAsPlain(const Text& text, int limit) {
    const std::vector<Token> prompt(text.tokens.begin(),
                                    text.tokens.begin() + static_cast<std::ptrdiff_t>(text.promptLength));
    CHECK(gapAtFirstDifference(text.tokens, plainReply(prompt, limit)) < nearTie);
}

Token endToken() {
    for (Token token = 0;; ++token) {
        if (demoTarget()->vocabulary().piece(token).empty() && demoTarget()->vocabulary().endsGeneration(token)) {
            return token;
        }
    }
}

Verdict throwing(const VerifierInput& input, Random& random) {
    input.p(0);
    random.uniform();
    throw EngineError("ERR_PLANTED", "a verifier that fails");
}

const Verifier failing{"failing", throwing, Proposal::sampled, false};

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
        CHECK(errorCode([&] { session.round(roundOptions(4, failing)); }) == "ERR_PLANTED");
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
        RoundOptions options = roundOptions(4, failing);
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
