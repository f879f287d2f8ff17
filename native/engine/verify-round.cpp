// The second half of a round: one target pass over the last decided token and all drafted ones, the
// verifier's decision, and the rollback of both caches to what it kept.

#include "session.h"

namespace specdecpp {

void Session::verifyRound(const RoundOptions& options, Round& result) {
    const int start = decided();
    const Vocabulary& vocabulary = target_.model().vocabulary();
    const bool endDrafted = drafted() > 0 && vocabulary.endsGeneration(tokens_.back());
    result.drafted = drafted();

    // Nothing follows an end of generation, so its own row is not evaluated. There are more tokens than
    // rows to look at only when a recurrent state was lost and the text is evaluated anew.
    const int rows = drafted() + (endDrafted ? 0 : 1);
    const int end = start - 1 + rows;
    target_.decode(std::span<const Token>(tokens_).subspan(target_.past(), end - target_.past()), rows);

    std::optional<Distribution> row;
    const VerifierInput input{
        std::span<const Token>(tokens_).subspan(start),
        q_,
        [&](int i) -> const Distribution& { return row.emplace(targetDistribution(i)); },
        !endDrafted,
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
        for (size_t i = 0; i < result.tokens.size(); ++i) {
            result.logProbabilities.push_back(logProbability(targetLogits(static_cast<int>(i)), result.tokens[i]));
        }
    }
    settle();
}

Distribution Session::targetDistribution(int drafted) const {
    const auto history = std::span<const Token>(tokens_).first(static_cast<size_t>(decided() + drafted));
    return nextTokenDistribution(targetLogits(drafted), history, settings_);
}

} // namespace specdecpp
