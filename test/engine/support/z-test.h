#pragma once

#include "generate.h"
#include "rules.h"

#include "sampling.h"
#include "session.h"

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

// Losslessness of the whole engine at temperatures above zero. Of a text X that a session generated,
// p and q are worked out again at every position by plain evaluation; if X was drawn from p, then
// z = Σ (f(X_t) - E_p f) / √Σ Var_p f is about normal for any f. The functions here are those that a
// biased verifier shifts. Every seed is fixed, so a test passes always or never on one machine; the
// bounds leave room for kernels that round differently.

constexpr double exactBound = 4;  // what an exact sampler stays below
constexpr double detection = 4.5; // what a biased one must exceed

struct Statistic {
    const char* name;
    std::function<double(double p, double q)> f; // of the probabilities of a token
    double excess = 0;
    double variance = 0;

    void add(const specdecpp::Distribution& p, const specdecpp::Distribution& q, specdecpp::Token drawn);
    double z() const { return excess / std::sqrt(variance); }
};

struct Cell {
    std::array<Statistic, 3> statistics;
    int tokens = 0;
    int impossible = 0; // of probability zero under the target
    int drafted = 0;
    int accepted = 0;

    double largest() const; // |z|
};

// Adds texts of the demo prompts, one after the other, with the seeds `seed`, `seed` + 1, …, until they
// have `tokens` tokens; reports the figures as a message.
Cell measureTexts(const std::string& name, const specdecpp::SamplingSettings& settings, uint64_t seed, int tokens,
                  const std::function<Text(const std::vector<specdecpp::Token>& prompt, uint64_t seed)>& generateText);

// The same with rounds of a rule.
Cell measure(const specdecpp::Verifier& verifier, const NamedRule& rule, const specdecpp::SamplingSettings& settings,
             uint64_t seed, int tokens);

constexpr int tokensPerCell = 1000;

// A cell of tokensPerCell, checked. Returns the largest |z|.
double checkLossless(const specdecpp::Verifier& verifier, const NamedRule& rule,
                     const specdecpp::SamplingSettings& settings, uint64_t seed);

specdecpp::SamplingSettings plainSampling(double temperature);
specdecpp::SamplingSettings truncatedSampling(double temperature); // top-k 40, top-p 0.95
specdecpp::SamplingSettings penalizedSampling();

// Planted: drafting stops at the first token that the draft found unlikely, and drops it.
template <const specdecpp::Verifier& verifier>
specdecpp::Verdict dropUnlikely(const specdecpp::VerifierInput& input, specdecpp::Random& random) {
    specdecpp::VerifierInput kept = input;
    for (size_t i = 0; i < input.drafted.size(); ++i) {
        if (input.q[i].probability(input.drafted[i]) < 0.1) {
            kept.drafted = input.drafted.first(i);
            kept.q = input.q.first(i);
            kept.hasBonusRow = true;
            break;
        }
    }
    return verifier.verify(kept, random);
}
