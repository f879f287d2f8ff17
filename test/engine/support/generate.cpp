#include "generate.h"

#include "demo.h"

#include <limits>

using namespace specdecpp;

void prefillAll(Session& session) {
    session.prefill(std::numeric_limits<int>::max() / 2);
}

void startPrompt(Session& session, size_t prompt, const SamplingSettings& settings, uint64_t seed) {
    session.begin(demoPrompts()[prompt], settings, seed);
    prefillAll(session);
}

Text continueText(Session& session, size_t promptLength, RoundOptions options, int limit, Lengths* lengths) {
    Text text{{}, promptLength, false, 0, 0};
    const auto length = [&] { return static_cast<int>(session.tokens().size() - promptLength); };
    options.details = options.details || lengths != nullptr;
    while (!text.ended && length() < limit) {
        options.room = limit - length();
        if (lengths != nullptr) {
            options.rule.length = lengths->next(lengths->memory);
        }
        const Round round = session.round(options);
        if (lengths != nullptr) {
            lengths->memory = lengths->after(lengths->memory, round);
        }
        text.ended = round.ended;
        text.drafted += round.drafted;
        text.accepted += round.accepted;
    }
    text.tokens = session.tokens();
    return text;
}

Text generate(Session& session, const std::vector<Token>& prompt, const SamplingSettings& settings, uint64_t seed,
              const RoundOptions& options, int limit, Lengths* lengths) {
    session.begin(prompt, settings, seed);
    prefillAll(session);
    return continueText(session, prompt.size(), options, limit, lengths);
}
