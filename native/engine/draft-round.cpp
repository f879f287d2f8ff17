// The first half of a round: the draft proposes tokens until the rule, the end of the text or the
// room stops it. A token that has been drawn is always verified: dropping one for what it turned out
// to be would bias the output, so the rule is asked before each draw and never after it.

#include "coupling.h"
#include "error.h"
#include "session.h"
#include "stopwatch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace specdecpp {

StopReason Session::draft(const RoundOptions& options) {
    if (decided() > target_.size()) {
        throw EngineError("ERR_CONTEXT_FULL", "The target's context of " + std::to_string(target_.size()) +
                                                  " tokens is full. Ask for a larger contextSize.");
    }
    checkHead(options.rule);
    if (options.rule.length == 0 || !draftIsUsable()) {
        return stopReason_ = drafted() == 0 ? StopReason::none : StopReason::length;
    }
    const Stopwatch watch;
    stopReason_ = guarded([&] {
        draft_->giveStates(options.states || scorer_);
        const StopReason reason = extendDraft(options);
        if (options.states && drafted() > 0) {
            readAll(options); // for the state after the last
        }
        return reason;
    });
    draftMicros_ += watch.micros();
    return stopReason_;
}

StopReason Session::extendDraft(const RoundOptions& options) {
    const int room = draftRoom(options);
    const auto& gate = options.rule.gate;
    const auto& survival = options.rule.survival;
    const HeadUse use = headUse(options);
    for (;;) {
        if (drafted() > 0 && target_.model().vocabulary().endsGeneration(tokens_.back())) {
            return StopReason::end;
        }
        if (drafted() >= options.rule.length) {
            return StopReason::length;
        }
        if (drafted() >= room) {
            return StopReason::room;
        }
        if (gate && gate->when == Gate::When::afterDraw && drafted() > 0 && product_ < gate->threshold) {
            return StopReason::gate;
        }
        if (survival && drafted() > 0 && !survival_.paysStep(*survival, drafted())) {
            return StopReason::gate;
        }
        // One row when the draft is up to date; more after a full acceptance or plain rounds; none when
        // a gate stopped before this draw.
        const auto length = static_cast<int>(tokens_.size());
        readAll(options);
        Distribution q = distribution(*draft_, 0, firstTokens(length), draftSettings_);
        DraftedToken drawn{};
        if (gate || survival || options.details) {
            const Distribution seen =
                settings_.temperature == 0 ? distribution(*draft_, 0, firstTokens(length), view_) : q;
            drawn.shape = shapeOf(seen);
            askBeforeDraw(use, drawn);
            if (survival && drafted() > 0) {
                const DraftedToken& read = details_.back();
                survival_.read(*survival, read.shape, std::log(read.q), read.older);
            }
            if (survival && !survival_.paysDraw(*survival, drafted(), drawn.shape, drawn.before)) {
                return StopReason::gate;
            }
            if (gate && gate->when == Gate::When::beforeDraw && gateStops(*gate, drawn.shape, 0, drawn.before)) {
                return StopReason::gate;
            }
            drawn.token = propose(q, *options.verifier);
            drawn.q = seen.probability(drawn.token);
            if (use[newest]) {
                HeadFeatures features = headFeatures(drawn);
                features.token = drawn.token;
                drawn.newest = scorer_->logit(newest, features);
            }
            if (gate && gate->when == Gate::When::afterDraw) {
                gateStops(*gate, drawn.shape, std::log(drawn.q), drawn.newest); // for the next turn
            }
            if (survival) {
                survival_.drawn(*survival, drawn.shape, std::log(drawn.q), drawn.newest);
            }
            details_.push_back(drawn);
        } else {
            drawn.token = propose(q, *options.verifier);
        }
        tokens_.push_back(drawn.token);
        q_.push_back(std::move(q));
    }
}

// Has the draft evaluate all tokens, also those it has drawn.
void Session::readAll(const RoundOptions& options) {
    if (draft_->past() == static_cast<int>(tokens_.size())) {
        return;
    }
    draft_->decode(std::span<const Token>(tokens_).subspan(draft_->past()), 1);
    draftSteps_ += 1;
    if (options.states) {
        keepState(0, states_);
    }
}

// Refuses a rule that weighs what no head says.
void Session::checkHead(const StopRule& rule) const {
    const char* const about[] = {"tokens that the draft has read again", "tokens that are not drawn yet",
                                 "tokens that have just been drawn"};
    for (const HeadOutput output : {older, before, newest}) {
        if (weighs(rule, output) && !(scorer_ && scorer_->has(output))) {
            throw EngineError("ERR_INVALID_ARGUMENT", std::string("The rule asks a head about ") + about[output] +
                                                          ", but there is none that would know. Give a head of kind "
                                                          "\"full\", or use another rule.");
        }
    }
}

// Which outputs of the head are worth their time.
Session::HeadUse Session::headUse(const RoundOptions& options) const {
    HeadUse use{};
    for (const HeadOutput output : {older, before, newest}) {
        use[output] = scorer_ && scorer_->has(output) && (options.details || weighs(options.rule, output));
    }
    return use;
}

// What the head says when the draft has read all tokens: of the last of them, and of the one to be drawn.
void Session::askBeforeDraw(const HeadUse& use, DraftedToken& next) {
    if (std::none_of(use.begin(), use.end(), [](bool used) { return used; })) {
        return;
    }
    scorer_->read(draft_->state(0));
    const HeadFeatures features = headFeatures(next);
    if (use[older] && drafted() > 0) {
        details_.back().older = scorer_->logit(older, features);
    }
    if (use[before]) {
        next.before = scorer_->logit(before, features);
    }
}

HeadFeatures Session::headFeatures(const DraftedToken& next) const {
    HeadFeatures features;
    features.shape = next.shape;
    features.drafted = drafted();
    features.temperature = settings_.temperature;
    features.logProbability = std::log(next.q);
    if (drafted() > 0) {
        features.previous = {details_.back().shape, std::log(details_.back().q)};
    }
    return features;
}

// Updates the estimate that the gate compares, and compares it.
bool Session::gateStops(const Gate& gate, const Shape& shape, double logProbability, double logit) {
    const double estimate = gate.estimate.of(shape, logProbability, logit);
    const double compared = gate.product ? product_ * estimate : estimate;
    const bool stops = compared < gate.threshold;
    if (!stops || gate.when == Gate::When::afterDraw) { // a token that is not drawn does not count
        product_ = compared;
    }
    return stops;
}

Token Session::propose(const Distribution& q, const Verifier& verifier) {
    switch (verifier.proposal) {
    case Proposal::mode:
        return q.mode();
    case Proposal::coupled:
        return coupledDraw(q, seed_, static_cast<int>(tokens_.size()));
    default:
        return q.sample(random_.uniform());
    }
}

bool Session::draftIsUsable() const {
    if (!draft_) {
        return false;
    }
    // Not when it has to read a token of padding that only the target has.
    const Vocabulary& vocabulary = draft_->model().vocabulary();
    const auto unread = std::span<const Token>(tokens_).subspan(draft_->past());
    return std::all_of(unread.begin(), unread.end(), [&](Token token) { return vocabulary.contains(token); });
}

int Session::draftRoom(const RoundOptions& options) const {
    // The target evaluates the last decided token and the whole draft, the draft all but its last.
    const int targetRoom = target_.size() - decided();
    const int draftRoom = draft_->size() - decided() + 1;
    return std::max(0, std::min({options_.maxDraft, options.room - 1, targetRoom, draftRoom}));
}

} // namespace specdecpp
