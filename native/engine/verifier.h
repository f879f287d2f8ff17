#pragma once

#include "distribution.h"
#include "random.h"

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace specdecpp {

// What a verifier is given of one round: K drafted tokens Y_1…Y_K and their distributions.
struct VerifierInput {
    std::span<const Token> drafted;  // K
    std::span<const Distribution> q; // K: the one each was drawn from

    // p(i): the target's distribution at drafted[i], for i < K; p(K): after all of them. Worked out
    // when it is asked for, so a rejection spares the rows behind it. The reference is valid until
    // the next call.
    std::function<const Distribution&(int i)> p;

    // Whether p(K) is there: it is not when drafted[K-1] ends the text.
    bool hasBonusRow = true;
};

struct Verdict {
    int accepted;              // drafted[0…accepted-1] stay
    std::optional<Token> next; // the residual or bonus token; none if nothing can follow
};

// A verifier decides how many drafted tokens stay and draws the token after them, such that the
// text has the target's distribution, whatever the draft is.
struct Verifier {
    const char* name;
    Verdict (*verify)(const VerifierInput& input, Random& random);
    // Whether the draft proposes its most probable token instead of drawing from q.
    bool proposesMode;
};

// Rejection sampling (Leviathan et al. 2023, algorithm 1; Chen et al. 2023): accept Y_i with
// probability min(1, p/q), else draw from the residual norm((p - q)+).
extern const Verifier rejectionSampling;

// Draws from p at each position and accepts while the draw equals the drafted token. At temperature
// 0, where every distribution is certain, this is greedy matching.
extern const Verifier sampleAndMatch;

// nullptr if there is none of that name.
const Verifier* findVerifier(const std::string& name);

} // namespace specdecpp
