// Dropping drafted tokens for what they are: refused where it would bias the text, exact where each
// token is drawn from the target alone.

#include "support/demo.h"
#include "support/error-code.h"
#include "support/generate.h"
#include "support/rules.h"
#include "support/teacher.h"
#include "support/z-test.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace specdecpp;

namespace {

constexpr int maxDraft = 4;

void start(Session& session, double temperature) {
    startPrompt(session, 0, plainSampling(temperature), 5);
}

RoundOptions draftOptions(const Verifier& verifier) {
    RoundOptions options = roundOptions(maxDraft, verifier);
    options.details = true;
    return options;
}

// Submits what comes before the first drafted token that the draft found unlikely.
int beforeUnlikely(const Session& session) {
    int likely = 0;
    for (const DraftedToken& token : session.draftedTokens()) {
        if (token.q < 0.1) {
            break;
        }
        ++likely;
    }
    return likely;
}

// Generates with a number of tokens submitted that depends on the draft.
template <typename Submitted>
Text generateDropping(Session& session, const std::vector<Token>& prompt, const SamplingSettings& settings,
                      uint64_t seed, const Verifier& verifier, Submitted submitted, int limit) {
    session.begin(prompt, settings, seed);
    prefillAll(session);
    Text text{{}, prompt.size(), false, 0, 0};
    RoundOptions options = draftOptions(verifier);
    while (!text.ended && lengthOf(session.tokens()) < lengthOf(prompt) + limit) {
        options.room = lengthOf(prompt) + limit - lengthOf(session.tokens());
        session.draft(options);
        const Round round = session.verify(options, submitted(session));
        text.ended = round.ended;
        text.drafted += round.drafted;
        text.accepted += round.accepted;
    }
    text.tokens = session.tokens();
    return text;
}

Cell measureDropping(const Verifier& verifier, uint64_t seed, int tokens) {
    Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
    return measureTexts(std::string(verifier.name) + ", unlikely drafts dropped", plainSampling(1), seed, tokens,
                        [&](const std::vector<Token>& prompt, uint64_t textSeed) {
                            return generateDropping(session, prompt, plainSampling(1), textSeed, verifier,
                                                    beforeUnlikely, 200);
                        });
}

// A verifier as it is, but trusted with dropping.
Verifier permitted(const char* name, const Verifier& verifier) {
    Verifier copy = verifier;
    copy.name = name;
    copy.allowsDropping = true;
    return copy;
}

} // namespace

TEST_SUITE("biased rules") {

    TEST_CASE("dropping is ERR_BIASED_RULE under rejection sampling and block verification above temperature 0") {
        for (const Verifier* verifier : {&rejectionSampling, &blockVerification}) {
            for (const double temperature : {1.0, 0.01}) {
                Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
                start(session, temperature);
                session.draft(draftOptions(*verifier));
                for (const int submitted : {0, 3}) {
                    const std::string message =
                        errorMessage([&] { session.verify(draftOptions(*verifier), submitted); });
                    CHECK(message.find(std::string("\"") + verifier->name + "\"") != std::string::npos);
                    CHECK(errorCode([&] { session.verify(draftOptions(*verifier), submitted); }) == "ERR_BIASED_RULE");
                }
            }
        }
    }

    TEST_CASE("a refused round can be verified whole, and is what it would have been") {
        for (const Verifier* verifier : {&rejectionSampling, &blockVerification}) {
            Session refused(demoTarget(), demoDraft(), sessionOptions(maxDraft));
            Session whole(demoTarget(), demoDraft(), sessionOptions(maxDraft));
            start(refused, 1);
            start(whole, 1);
            for (int i = 0; i < 8; ++i) {
                refused.draft(draftOptions(*verifier));
                const std::vector<Token> before = refused.tokens();
                CHECK(errorCode([&] { refused.verify(draftOptions(*verifier), 1); }) == "ERR_BIASED_RULE");
                CHECK(refused.tokens() == before);
                CHECK(refused.drafted() == maxDraft);
                const Round round = refused.verify(draftOptions(*verifier), refused.drafted());
                CHECK(round.tokens == whole.round(draftOptions(*verifier)).tokens);
                CHECK(refused.targetPast() == lengthOf(refused.tokens()) - 1);
                CHECK(refused.draftPast() <= refused.targetPast());
            }
        }
    }

    TEST_CASE("rollBack takes a refused draft back") {
        Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        start(session, 1);
        const std::vector<Token> before = session.tokens();
        session.draft(draftOptions(rejectionSampling));
        CHECK(errorCode([&] { session.verify(draftOptions(rejectionSampling), 1); }) == "ERR_BIASED_RULE");
        session.rollBack(lengthOf(before));
        CHECK(session.tokens() == before);
        CHECK(session.targetPast() == lengthOf(before) - 1);
    }

    TEST_CASE("to submit everything, or more than there is, is no dropping") {
        Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        start(session, 1);
        for (const int submitted : {maxDraft, maxDraft + 1, 1000}) {
            session.draft(draftOptions(rejectionSampling));
            const Round round = session.verify(draftOptions(rejectionSampling), submitted);
            CHECK(round.drafted == maxDraft);
            CHECK(lengthOf(round.tokens) == round.accepted + 1);
        }
    }

    TEST_CASE("a round with some drafts dropped has the figures of all and the tokens of the rest") {
        Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        start(session, 1);
        for (const int submitted : {0, 1, 3}) {
            session.draft(draftOptions(coupledSampling));
            const Round round = session.verify(draftOptions(coupledSampling), submitted);
            CHECK(round.drafted == maxDraft);
            CHECK(round.accepted <= submitted);
            CHECK(lengthOf(round.tokens) == round.accepted + 1);
            CHECK(session.targetPast() == lengthOf(session.tokens()) - 1);
            CHECK(session.draftPast() <= session.targetPast());
        }
    }

    TEST_CASE("at temperature 0 dropping generates what plain decoding does, under every verifier") {
        Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        Session plain(demoTarget(), nullptr, sessionOptions(0));
        int parted = 0;
        int dropped = 0;
        for (size_t i = 0; i < 6; ++i) {
            const Text expected = generate(plain, demoPrompts()[i], plainSampling(0), 1, roundOptions(0), 60);
            for (const Verifier* verifier : allVerifiers()) {
                const Text text = generateDropping(
                    session, demoPrompts()[i], plainSampling(0), 1, *verifier,
                    [&](const Session& drafted) {
                        const int submitted = std::min(drafted.drafted(), drafted.tokens().back() % 4);
                        dropped += drafted.drafted() - submitted;
                        return submitted;
                    },
                    60);
                INFO(std::string(verifier->name), ", prompt ", i);
                CHECK(gapAtFirstDifference(text.tokens, expected.tokens) < nearTie);
                parted += text.tokens != expected.tokens;
            }
        }
        MESSAGE(parted, " of 24 texts part at a near tie; ", dropped, " tokens dropped");
        CHECK(dropped > 100);
    }

    TEST_CASE("the coupled verifier generates the same text whatever is dropped") {
        Session session(demoTarget(), demoDraft(), sessionOptions(maxDraft));
        Session plain(demoTarget(), nullptr, sessionOptions(0));
        int parted = 0;
        double largest = 0;
        for (size_t i = 0; i < 10; ++i) {
            const uint64_t seed = 600 + i;
            const Text expected =
                generate(plain, demoPrompts()[i], plainSampling(1), seed, roundOptions(0, coupledSampling), 60);
            const Text text = generateDropping(session, demoPrompts()[i], plainSampling(1), seed, coupledSampling,
                                               beforeUnlikely, 60);
            const double gap = coupledGapAtFirstDifference(text.tokens, expected.tokens, plainSampling(1), seed);
            CHECK(gap < nearCoupledTie(1));
            parted += text.tokens != expected.tokens;
            largest = std::max(largest, gap);
        }
        MESSAGE(parted, " of 10 texts part, the largest gap ", largest);
        CHECK(parted <= 3);
    }

    TEST_CASE("sample-and-match and the coupled verifier draw from the target if unlikely drafts are dropped") {
        for (const Verifier* verifier : {&sampleAndMatch, &coupledSampling}) {
            const Cell cell = measureDropping(*verifier, 700000, tokensPerCell);
            CHECK(cell.largest() < exactBound);
            CHECK(cell.accepted > 0);
        }
    }

    TEST_CASE("what the refusal prevents is a bias, and is found") {
        CHECK(measureDropping(permitted("rejection, permitted", rejectionSampling), 800000, 2000).largest() >
              detection);
        CHECK(measureDropping(permitted("block, permitted", blockVerification), 900000, 2000).largest() > detection);
    }

} // TEST_SUITE
