#pragma once

#include "distribution.h"

#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace specdecpp {

// Applied in this order, which is llama.cpp's: bias, penalties, top-k, top-p, min-p, temperature.
struct SamplingSettings {
    double temperature = 0; // 0: always the most probable token
    int topK = 0;           // 0: off
    double topP = 1;        // 1: off
    double minP = 0;        // 0: off
    double repeatPenalty = 1;
    double presencePenalty = 0;
    double frequencyPenalty = 0;
    int penaltyWindow = 64;                         // tokens of the sequence's end that the penalties look at
    std::vector<std::pair<Token, float>> logitBias; // added; -infinity bans a token

    // The draft alone draws from its k most probable tokens; 0: off. Any q leaves the text the target's,
    // and a short one spares passes over a large vocabulary.
    int draftTopK = 0;

    // What the draft draws by.
    SamplingSettings ofDraft() const;

    bool penalizes() const { return repeatPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0; }
    bool truncates() const { return topK > 0 || topP < 1 || minP > 0; }
};

// The distribution the next token is drawn from.
// logits: shape [vocabulary]; history: all tokens before it (only the penalties look at them).
// Throws ERR_NO_LOGITS if no token is possible (NaN from a damaged model, or all are banned).
Distribution nextTokenDistribution(std::span<const float> logits, std::span<const Token> history,
                                   const SamplingSettings& settings);

// ln softmax(logits)[token]: the model's own probability, before any setting.
double logProbability(std::span<const float> logits, Token token);

} // namespace specdecpp
