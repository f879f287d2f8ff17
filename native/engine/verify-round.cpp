// The second half of a round: one target pass over the last decided token and all drafted ones, the
// verifier's decision, and the rollback of both caches to what it kept.

#include "error.h"
#include "excess.h"
#include "rejection-sampling.h"
#include "session.h"
#include "stopwatch.h"

#include <algorithm>
#include <string>

namespace specdecpp {

namespace {

// The probability that a drafted token is accepted.
double acceptance(Proposal proposal, const Distribution& p, const Distribution& q, Token token) {
    const double served = p.probability(token);
    switch (proposal) {
    case Proposal::mode:
        return served;
    case Proposal::coupled:
        // P(X = y | Y = y) = 1 / Σ max(q, p q(y) / p(y)), of two Gumbel-max draws X ~ p and Y ~ q.
        return served > 0 ? 1 / (1 + Excess(q.probability(token) / served, p, q).total()) : 0;
    default:
        return acceptanceProbability(served, q.probability(token));
    }
}

} // namespace

Round Session::verify(const RoundOptions& options, int submitted) {
    if (submitted < drafted() && !options.verifier->allowsDropping && settings_.temperature > 0) {
        throw EngineError("ERR_BIASED_RULE",
                          "The rule drops " + std::to_string(drafted() - submitted) + " of " +
                              std::to_string(drafted()) +
                              " drafted tokens, which biases the text under the verifier \"" + options.verifier->name +
                              "\": a token once drawn has to be verified. Stop before the draw instead, or use the "
                              "verifier \"coupled\" or \"match\".");
    }
    return guarded([&] {
        const Stopwatch watch;
        Round result;
        result.drafted = drafted();
        tokens_.resize(static_cast<size_t>(decided() + std::min(submitted, drafted())));
        q_.erase(q_.begin() + std::min(submitted, drafted()), q_.end());
        result.draftSteps = draftSteps_;
        result.draftMicros = draftMicros_;
        result.stopReason = stopReason_;
        result.states = std::move(states_);
        verifyRows(options, result);
        settle();
        result.verifyMicros = watch.micros();
        result.decodeMicros = target_.takeDecodeMicros() + (draft_ ? draft_->takeDecodeMicros() : 0);
        return result;
    });
}

void Session::verifyRows(const RoundOptions& options, Round& result) {
    const int start = decided();
    const Vocabulary& vocabulary = target_.model().vocabulary();
    const bool endDrafted = drafted() > 0 && vocabulary.endsGeneration(tokens_.back());

    // Nothing follows an end of generation, so its own row is not evaluated. There are more tokens than
    // rows to look at only when a recurrent state was lost and the text is evaluated anew.
    const int rows = drafted() + (endDrafted ? 0 : 1);
    const int end = start - 1 + rows;
    target_.decode(std::span<const Token>(tokens_).subspan(target_.past(), end - target_.past()), rows);
    std::vector<Distribution> seen; // what details have looked at, which need not be worked out again
    if (options.details) {
        seen = addDetails(options, result);
    }

    std::optional<Distribution> row;
    const VerifierInput input{
        std::span<const Token>(tokens_).subspan(start),
        q_,
        [&](int i) -> const Distribution& {
            if (static_cast<size_t>(i) < seen.size()) {
                return seen[static_cast<size_t>(i)];
            }
            return row.emplace(distribution(target_, i, firstTokens(start + i), settings_));
        },
        !endDrafted,
        seed_,
        start,
    };
    const Verdict verdict = options.verifier->verify(input, random_);

    result.accepted = verdict.accepted;
    tokens_.resize(static_cast<size_t>(start + verdict.accepted));
    if (verdict.next) {
        tokens_.push_back(*verdict.next);
    }
    q_.clear();
    result.tokens.assign(tokens_.begin() + start, tokens_.end());
    result.ended = vocabulary.endsGeneration(tokens_.back());
    if (options.logProbabilities) {
        const auto size = static_cast<size_t>(vocabulary.size());
        for (size_t i = 0; i < result.tokens.size(); ++i) {
            result.logProbabilities.push_back(
                logProbability({target_.logits(static_cast<int>(i)), size}, result.tokens[i]));
        }
    }
}

std::vector<Distribution> Session::addDetails(const RoundOptions& options, Round& result) const {
    const int start = decided();
    const int known = std::min(drafted(), static_cast<int>(details_.size()));
    std::vector<Distribution> seen;
    for (int i = 0; i < known; ++i) {
        DraftedToken drafted = details_[static_cast<size_t>(i)];
        Distribution p = distribution(target_, i, firstTokens(start + i), settings_);
        if (settings_.temperature == 0) {
            drafted.p = distribution(target_, i, firstTokens(start + i), view_).probability(drafted.token);
        } else {
            drafted.p = p.probability(drafted.token);
        }
        drafted.acceptance = acceptance(options.verifier->proposal, p, q_[static_cast<size_t>(i)], drafted.token);
        result.draft.push_back(drafted);
        seen.push_back(std::move(p));
    }
    return seen;
}

} // namespace specdecpp
