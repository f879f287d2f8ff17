#include "session.h"

#include "error.h"

#include <algorithm>
#include <string>

namespace specdecpp {

namespace {

int commonPrefix(std::span<const Token> a, std::span<const Token> b) {
    return static_cast<int>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

// Keeps up to `length` tokens; none where a recurrent state cannot take back those behind them.
void keep(Context& context, int length) {
    try {
        context.truncate(length);
    } catch (const EngineError&) {
        // Its past() is 0 now, and all of the prompt is evaluated.
    }
}

} // namespace

Session::Session(std::shared_ptr<const Model> target, std::shared_ptr<const Model> draft, const SessionOptions& options)
    : target_(
          std::move(target),
          [&] {
              ContextOptions context = options.target;
              context.maxOutputs = options.maxDraft + 1;
              return context;
          }(),
          &abort_),
      options_(options) {
    if (draft == nullptr) {
        if (options.head) {
            throw EngineError("ERR_INVALID_ARGUMENT", "A head reads the states of a draft, and there is none. Give the "
                                                      "draft that it was trained for.");
        }
        return;
    }
    const std::string difference = target_.model().vocabulary().difference(draft->vocabulary());
    if (!difference.empty()) {
        throw EngineError("ERR_VOCABULARY_MISMATCH", "The draft " + draft->path() + " does not fit the target " +
                                                         target_.model().path() + ": " + difference +
                                                         ". Give a draft of the same model family.");
    }
    ContextOptions draftOptions = options.draft;
    // A decode that gives states makes every row an output.
    draftOptions.maxOutputs = options.walks || options.head ? options.maxDraft + 1 : 1;
    draft_.emplace(std::move(draft), draftOptions, &abort_);
    for (Context* context : {&target_, &*draft_}) {
        if (!context->canRollBack()) {
            throw EngineError("ERR_NO_ROLLBACK",
                              context->model().path() + " (" + context->model().architecture() +
                                  ") keeps a recurrent state, which cannot take back rejected tokens. Use it without a "
                                  "draft, or give a model with attention alone.");
        }
    }
    if (options.head) {
        useHead(options);
    }
}

void Session::useHead(const SessionOptions& options) {
    if (options.head->shape().width != draft_->stateWidth()) {
        throw EngineError("ERR_HEAD_MISMATCH", "The head " + options.head->file().path + " reads states of " +
                                                   std::to_string(options.head->shape().width) +
                                                   " numbers, but the draft " + draft_->model().path() +
                                                   " has states of " + std::to_string(draft_->stateWidth()) +
                                                   ". Give the draft that it was trained for, or train one for this.");
    }
    scorer_.emplace(options.head, draft_->model().device(), options.draft.threads);
}

void Session::begin(std::vector<Token> prompt, SamplingSettings settings, uint64_t seed, bool reuse) {
    if (static_cast<int>(prompt.size()) > target_.size()) {
        throw EngineError("ERR_CONTEXT_FULL", "The prompt has " + std::to_string(prompt.size()) +
                                                  " tokens, the target's context " + std::to_string(target_.size()) +
                                                  ". Shorten it, or ask for a larger contextSize.");
    }
    // The caches hold a beginning of the text before, and behind it perhaps what is drafted, which the
    // prompt may repeat. Its last token is the first round's first row, so that one is evaluated again.
    const int kept = reuse ? std::min(commonPrefix(tokens_, prompt), static_cast<int>(prompt.size()) - 1) : 0;
    keep(target_, kept);
    if (draft_) {
        keep(*draft_, kept);
        draft_->giveStates(false);
    }
    restart();
    tokens_ = std::move(prompt);
    promptLength_ = static_cast<int>(tokens_.size());
    settings_ = std::move(settings);
    draftSettings_ = settings_.ofDraft();
    view_ = settings_;
    if (view_.temperature == 0) {
        view_.temperature = 1;
        view_.topK = 0;
        view_.topP = 1;
        view_.minP = 0;
    }
    seed_ = seed;
    random_ = Random(seed);
}

int Session::prefill(int count) {
    const int end = promptLength_ - 1; // the last token is the first round's first row
    // A prompt longer than the draft's context is decoded plainly.
    const bool both = draftIsUsable() && end <= draft_->size();
    const int from = both ? std::min(target_.past(), draft_->past()) : target_.past();
    const int to = std::min(end, from + count);
    const auto rest = [this, to](const Context& context) {
        return std::span<const Token>(tokens_).subspan(context.past(), std::max(0, to - context.past()));
    };
    target_.decode(rest(target_), 0);
    if (both) {
        draft_->decode(rest(*draft_), 0);
    }
    for (Context* context : {&target_, draft_ ? &*draft_ : nullptr}) {
        if (context != nullptr) {
            context->takeDecodeMicros(); // a round's time is without the prompt's
        }
    }
    return end - to;
}

Round Session::round(const RoundOptions& options) {
    draft(options);
    return verify(options, drafted());
}

void Session::rollBack(int length) {
    tokens_.resize(static_cast<size_t>(std::min(decided(), length)));
    restart();
    settle();
}

void Session::restart() {
    q_.clear();
    details_.clear();
    states_.clear();
    product_ = 1;
    survival_ = {};
    draftSteps_ = 0;
    draftMicros_ = 0;
    stopReason_ = StopReason::none;
}

void Session::settle() {
    tokens_.resize(static_cast<size_t>(decided()));
    restart();
    const int evaluated = std::max(0, static_cast<int>(tokens_.size()) - 1);
    target_.truncate(evaluated);
    if (draft_) {
        draft_->truncate(evaluated);
    }
}

Distribution Session::distribution(const Context& context, int output, std::span<const Token> history,
                                   const SamplingSettings& settings) const {
    // Of the draft only tokens that the target knows: vocabularies may differ in padding.
    const int known = std::min(context.model().vocabulary().size(), target_.model().vocabulary().size());
    return nextTokenDistribution({context.logits(output), static_cast<size_t>(known)}, history, settings);
}

void Session::keepState(int output, States& states) const {
    const auto width = static_cast<size_t>(draft_->stateWidth());
    states.resize(states.size() + width);
    ggml_fp32_to_fp16_row(draft_->state(output), states.data() + states.size() - width, static_cast<int64_t>(width));
}

} // namespace specdecpp
