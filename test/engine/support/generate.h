#pragma once

#include "lengths.h"

#include "session.h"

#include <vector>

struct Text {
    std::vector<specdecpp::Token> tokens; // prompt, then reply
    size_t promptLength;
    bool ended;
    int drafted;
    int accepted;

    size_t replyLength() const { return tokens.size() - promptLength; }
};

// Begins a text and generates until the end of generation or `limit` tokens. Lengths bound the rounds
// in place of the length in the options, and remember them.
Text generate(specdecpp::Session& session, const std::vector<specdecpp::Token>& prompt,
              const specdecpp::SamplingSettings& settings, uint64_t seed, const specdecpp::RoundOptions& options,
              int limit = 200, Lengths* lengths = nullptr);

// Goes on with a text that is prefilled already.
Text continueText(specdecpp::Session& session, size_t promptLength, specdecpp::RoundOptions options, int limit,
                  Lengths* lengths = nullptr);

// Everything in one call.
void prefillAll(specdecpp::Session& session);

// Begins one of demoPrompts() and prefills it.
void startPrompt(specdecpp::Session& session, size_t prompt, const specdecpp::SamplingSettings& settings = {},
                 uint64_t seed = 1);

inline int lengthOf(const std::vector<specdecpp::Token>& tokens) {
    return static_cast<int>(tokens.size());
}
