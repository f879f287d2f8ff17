#pragma once

#include "generate.h"

#include "session.h"
#include "verifier.h"

#include <vector>

// The prompt of most tests of sessions.
const std::vector<specdecpp::Token>& question();

void startQuestion(specdecpp::Session& session, const specdecpp::SamplingSettings& settings = {});

// A prompt and its reply by plain decoding.
std::vector<specdecpp::Token> plainReply(const std::vector<specdecpp::Token>& prompt, int limit);

// Checks that a text generated at temperature 0 is plain decoding's, but for near ties.
void checkSameAsPlain(const Text& text, int limit);

// Checks the invariants of Session between calls, once the prompt is in.
void checkInvariants(const specdecpp::Session& session);

// Looks at a row, draws a number, and throws ERR_PLANTED.
extern const specdecpp::Verifier failingVerifier;
