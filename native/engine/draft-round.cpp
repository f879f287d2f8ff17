// The first half of a round: the draft proposes tokens until the rule, the end of the text or the
// room stops it. A token that has been drawn is always verified: dropping one for what it turned out
// to be would bias the output, so the rule is asked before each draw and never after it.

#include "session.h"

#include <algorithm>

namespace specdecpp {

int Session::draftLimit(const RoundOptions& options) const {
    if (!draft_ || !options.rule.continues(0)) {
        return 0;
    }
    const Vocabulary& vocabulary = draft_->model().vocabulary();
    const auto unread = std::span<const Token>(tokens_).subspan(draft_->past());
    if (!std::all_of(unread.begin(), unread.end(), [&](Token token) { return vocabulary.contains(token); })) {
        return 0; // a token of padding that only the target has
    }
    // The target evaluates the last decided token and the whole draft, the draft all but its last.
    const int targetRoom = target_.size() - decided();
    const int draftRoom = draft_->size() - decided() + 1;
    return std::max(0, std::min({options_.maxDraft, options.room - 1, targetRoom, draftRoom}));
}

void Session::draftRound(int limit, const RoundOptions& options) {
    while (drafted() < limit && options.rule.continues(drafted())) {
        // One row when the draft is up to date; more after a full acceptance or plain rounds.
        draft_->decode(std::span<const Token>(tokens_).subspan(draft_->past()), 1);
        Distribution q = draftDistribution();
        const Token token = options.verifier->proposesMode ? q.mode() : q.sample(random_.uniform());
        tokens_.push_back(token);
        q_.push_back(std::move(q));
        if (target_.model().vocabulary().endsGeneration(token)) {
            break;
        }
    }
}

Distribution Session::draftDistribution() const {
    // Only tokens that the target knows: vocabularies may differ in padding.
    const int size = std::min(draft_->model().vocabulary().size(), target_.model().vocabulary().size());
    return nextTokenDistribution({draft_->logits(0), static_cast<size_t>(size)}, tokens_, settings_);
}

} // namespace specdecpp
