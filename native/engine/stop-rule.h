#pragma once

namespace specdecpp {

// When a round stops drafting, as plain data: decided in TypeScript before the round, obeyed here.
struct StopRule {
    int length = 0; // drafted tokens a round, K; 0: none, which is plain decoding

    // Asked before each token is drawn: whether to draw another after `drafted` of them.
    bool continues(int drafted) const { return drafted < length; }
};

} // namespace specdecpp
