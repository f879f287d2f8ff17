#pragma once

#include "distribution.h"
#include "random.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace specdecpp {

// How the draft chooses a token from q.
enum class Proposal {
    sampled, // drawn from q
    mode,    // the most probable
    coupled, // drawn from q with the noise that the target's draw at that position will use
};

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

    // For keyed draws: the seed of the text, and where drafted[0] stands in it.
    uint64_t seed = 0;
    int position = 0;
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
    Proposal proposal;
    // Whether the target draws each token from p alone, so that a drafted token may be dropped for
    // what it is. Under rejection sampling and block verification that would bias the text: what is
    // accepted depends on q, and q on what was not dropped.
    bool allowsDropping;
};

// Rejection sampling (Leviathan et al. 2023, algorithm 1; Chen et al. 2023): accept Y_i with
// probability min(1, p/q), else draw from the residual norm((p - q)+).
extern const Verifier rejectionSampling;

// Block verification (Sun et al. 2024, arXiv 2403.10444, algorithm 2).
extern const Verifier blockVerification;

// Draws from p at each position and accepts while the draw equals the drafted token. At temperature
// 0, where every distribution is certain, this is greedy matching.
extern const Verifier sampleAndMatch;

// Sample-and-match where draft and target draw with the same Gumbel noise, so that they agree about
// as often as rejection sampling accepts. The text depends on seed, prompt and settings alone.
extern const Verifier coupledSampling;

// nullptr if there is none of that name.
const Verifier* findVerifier(const std::string& name);

} // namespace specdecpp
