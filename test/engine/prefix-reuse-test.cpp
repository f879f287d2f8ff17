// What a prompt begins with of the text before is not evaluated twice, in neither model, and the text
// that follows is the one that follows a prompt evaluated anew: the same, but where rounding decides a
// near tie, since rows of a round and of a prompt are rounded differently.

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/teacher.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace specdecpp;

namespace {

constexpr int replyTokens = 40;

std::vector<Token> operator+(std::vector<Token> a, const std::vector<Token>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<Token> firstOf(const std::vector<Token>& tokens, int length) {
    return {tokens.begin(), tokens.begin() + length};
}

// A turn of a chat behind others.
std::vector<Token> turn(size_t i) {
    std::vector<Token> tokens = demoPrompts()[i];
    tokens.erase(tokens.begin()); // the begin-of-sequence token
    return tokens;
}

struct Evaluated {
    explicit Evaluated(const Session& session) : target(session.targetEvaluated()), draft(session.draftEvaluated()) {}
    uint64_t target;
    uint64_t draft;
};

const std::vector<Token>& anew(const std::vector<Token>& prompt) {
    static Session session(demoTarget(), nullptr, sessionOptions(0));
    generate(session, prompt, {}, 1, roundOptions(0), replyTokens);
    return session.tokens();
}

// Whether the text that follows a prompt here is the one that follows it anew.
double gapToAnew(Session& session, const std::vector<Token>& prompt) {
    session.begin(prompt, {}, 1, true);
    prefillAll(session);
    const Text text = continueText(session, prompt.size(), roundOptions(4), replyTokens);
    return gapAtFirstDifference(text.tokens, anew(prompt));
}

} // namespace

TEST_SUITE("prefix reuse") {

    TEST_CASE("a prompt that goes on from the text before evaluates only what is new, in both models") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        std::vector<Token> text = generate(session, demoPrompts()[0], {}, 1, roundOptions(4), replyTokens).tokens;
        for (const size_t i : {2U, 4U}) {
            const std::vector<Token> prompt = text + turn(i);
            const Evaluated before(session);
            const int unread = lengthOf(text) - 1 - session.draftPast(); // the draft may be a token behind
            session.begin(prompt, {}, 1, true);
            CHECK(session.targetPast() == lengthOf(text) - 1);
            prefillAll(session);
            CHECK(session.targetEvaluated() - before.target == turn(i).size());
            CHECK(session.draftEvaluated() - before.draft == turn(i).size() + static_cast<size_t>(unread));
            text = continueText(session, prompt.size(), roundOptions(4), replyTokens).tokens;
            CHECK(gapAtFirstDifference(text, anew(prompt)) < nearTie);
        }
    }

    TEST_CASE("whatever a prompt shares with the text before, the text that follows is the one that follows it anew") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        const std::vector<Token> first = generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 30).tokens;
        const int promptLength = lengthOf(demoPrompts()[0]);
        for (const int shared : {0, 1, 2, promptLength - 1, promptLength, promptLength + 7, lengthOf(first) - 1}) {
            CAPTURE(shared);
            CHECK(gapToAnew(session, firstOf(first, shared) + demoPrompts()[6]) < nearTie);
            generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 30);
        }
    }

    TEST_CASE("a prompt that is a beginning of the text before keeps all of it but its last token") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        const std::vector<Token> first = generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 30).tokens;
        for (const int length : {lengthOf(first), lengthOf(demoPrompts()[0]), 1}) {
            session.begin(firstOf(first, length), {}, 1, true);
            CHECK(session.targetPast() == length - 1);
            CHECK(session.prefill(1000) == 0);
            CHECK(gapToAnew(session, firstOf(first, length)) < nearTie);
            generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 30);
        }
    }

    TEST_CASE("without reuse nothing is kept") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 10);
        session.begin(demoPrompts()[0], {}, 1);
        CHECK(session.targetPast() == 0);
        CHECK(session.draftPast() == 0);
    }

    TEST_CASE("a draft that is behind catches up within the bounds of prefill") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        const Text plain = generate(session, demoPrompts()[0], {}, 1, roundOptions(0), 30);
        const std::vector<Token> prompt = plain.tokens + turn(2);
        session.begin(prompt, {}, 1, true);
        const int behind = session.targetPast() - session.draftPast();
        REQUIRE(behind > 20);
        for (int left = 1; left > 0;) {
            const Evaluated before(session);
            left = session.prefill(8);
            CHECK(session.targetEvaluated() - before.target <= 8);
            CHECK(session.draftEvaluated() - before.draft <= 8);
        }
        CHECK(session.draftPast() == lengthOf(prompt) - 1);
        CHECK(session.targetPast() == lengthOf(prompt) - 1);
        CHECK(gapToAnew(session, prompt) < nearTie);
    }

    TEST_CASE("what an aborted prompt and an aborted round have left is reused as what it is") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(demoPrompts()[0], {}, 1);
        session.prefill(9);
        session.abort();
        CHECK(errorCode([&] { prefillAll(session); }) == "ERR_ABORTED");
        session.clearAbort();
        session.begin(demoPrompts()[0], {}, 1, true);
        CHECK(session.targetPast() == 9);
        prefillAll(session);
        session.round(roundOptions(4));
        session.abort();
        CHECK(errorCode([&] { session.round(roundOptions(4)); }) == "ERR_ABORTED");
        session.clearAbort();
        CHECK(gapToAnew(session, session.tokens() + turn(2)) < nearTie);
    }

    TEST_CASE("a prompt begun over a draft that waits for its verification keeps what it shares with it") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        session.begin(demoPrompts()[0], {}, 1);
        prefillAll(session);
        session.draft(roundOptions(4));
        REQUIRE(session.drafted() == 4);
        const std::vector<Token> drafted = session.tokens();
        for (const int length : {lengthOf(drafted), lengthOf(drafted) - 2}) {
            CHECK(gapToAnew(session, firstOf(drafted, length) + turn(2)) < nearTie);
            session.begin(demoPrompts()[0], {}, 1);
            prefillAll(session);
            session.draft(roundOptions(4));
        }
    }

    TEST_CASE("a prompt that does not fit leaves the text before as it is") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4, lengthOf(demoPrompts()[0]) + 5));
        generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 5);
        const std::vector<Token> before = session.tokens();
        const int past = session.targetPast();
        CHECK(errorCode([&] { session.begin(before + turn(2), {}, 1, true); }) == "ERR_CONTEXT_FULL");
        CHECK(session.tokens() == before);
        CHECK(session.targetPast() == past);
    }

    // With one token too many kept, both caches hold x where the prompt has y: the text that follows is the
    // one that follows the prompt with x. It must not pass for the prompt's.
    TEST_CASE("one token too many kept would be found") {
        Session session(demoTarget(), demoDraft(), sessionOptions(4));
        const std::vector<Token> first = generate(session, demoPrompts()[0], {}, 1, roundOptions(4), 30).tokens;
        int found = 0;
        int places = 0;
        for (const int shared : {lengthOf(demoPrompts()[0]) / 2, lengthOf(demoPrompts()[0]) - 3, lengthOf(first) - 6}) {
            const std::vector<Token> rest = turn(6);
            const std::vector<Token> prompt = firstOf(first, shared) + rest;
            const std::vector<Token> wrong =
                firstOf(first, shared + 1) + std::vector<Token>(rest.begin() + 1, rest.end());
            REQUIRE(wrong != prompt);
            const Text text = generate(session, wrong, {}, 1, roundOptions(4), replyTokens);
            const std::vector<Token> reply(text.tokens.begin() + lengthOf(wrong), text.tokens.end());
            found += gapAtFirstDifference(prompt + reply, anew(prompt)) >= nearTie;
            ++places;
        }
        MESSAGE(found, " of ", places, " found");
        CHECK(found > 0);
    }

} // TEST_SUITE
