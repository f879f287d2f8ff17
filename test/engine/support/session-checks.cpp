#include "session-checks.h"

#include "demo.h"
#include "teacher.h"

#include "error.h"

#include <doctest/doctest.h>

using namespace specdecpp;

namespace {

Verdict throwing(const VerifierInput& input, Random& random) {
    input.p(0);
    random.uniform();
    throw EngineError("ERR_PLANTED", "a verifier that fails");
}

} // namespace

const Verifier failingVerifier{"failing", throwing, Proposal::sampled, false};

const std::vector<Token>& question() {
    return demoPrompts()[0];
}

void startQuestion(Session& session, const SamplingSettings& settings) {
    startPrompt(session, 0, settings);
}

std::vector<Token> plainReply(const std::vector<Token>& prompt, int limit) {
    Session session(demoTarget(), nullptr, sessionOptions(0));
    return generate(session, prompt, {}, 1, roundOptions(0), limit).tokens;
}

void checkSameAsPlain(const Text& text, int limit) {
    const std::vector<Token> prompt(text.tokens.begin(),
                                    text.tokens.begin() + static_cast<std::ptrdiff_t>(text.promptLength));
    CHECK(gapAtFirstDifference(text.tokens, plainReply(prompt, limit)) < nearTie);
}

void checkInvariants(const Session& session) {
    CHECK(session.targetPast() == lengthOf(session.tokens()) - 1);
    CHECK(session.draftPast() <= session.targetPast());
}
