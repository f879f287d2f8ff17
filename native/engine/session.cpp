#include "session.h"

#include "error.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace specdecpp {

namespace {

double microsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
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
        return;
    }
    const std::string difference = target_.model().vocabulary().difference(draft->vocabulary());
    if (!difference.empty()) {
        throw EngineError("ERR_VOCABULARY_MISMATCH", "The draft " + draft->path() + " does not fit the target " +
                                                         target_.model().path() + ": " + difference +
                                                         ". Give a draft of the same model family.");
    }
    draft_.emplace(std::move(draft), options.draft, &abort_);
    for (Context* context : {&target_, &*draft_}) {
        if (!context->canRollBack()) {
            throw EngineError("ERR_NO_ROLLBACK",
                              context->model().path() + " (" + context->model().architecture() +
                                  ") keeps a recurrent state, which cannot take back rejected tokens. Use it without a "
                                  "draft, or give a model with attention alone.");
        }
    }
}

void Session::begin(std::vector<Token> prompt, SamplingSettings settings, uint64_t seed) {
    if (static_cast<int>(prompt.size()) > target_.size()) {
        throw EngineError("ERR_CONTEXT_FULL", "The prompt has " + std::to_string(prompt.size()) +
                                                  " tokens, the target's context " + std::to_string(target_.size()) +
                                                  ". Shorten it, or ask for a larger contextSize.");
    }
    target_.truncate(0);
    if (draft_) {
        draft_->truncate(0);
    }
    q_.clear();
    tokens_ = std::move(prompt);
    promptLength_ = static_cast<int>(tokens_.size());
    settings_ = std::move(settings);
    random_ = Random(seed);
}

int Session::prefill(int count) {
    const int end = promptLength_ - 1; // the last token is the first round's first row
    const int to = std::min(end, target_.past() + count);
    const auto rest = [this, to](const Context& context) {
        return std::span<const Token>(tokens_).subspan(context.past(), std::max(0, to - context.past()));
    };
    target_.decode(rest(target_), 0);
    if (draft_ && to <= draft_->size()) { // a prompt longer than the draft's context is decoded plainly
        draft_->decode(rest(*draft_), 0);
    }
    return end - to;
}

Round Session::round(const RoundOptions& options) {
    if (decided() > target_.size()) {
        throw EngineError("ERR_CONTEXT_FULL", "The target's context of " + std::to_string(target_.size()) +
                                                  " tokens is full. Ask for a larger contextSize.");
    }
    try {
        Round result;
        const auto start = std::chrono::steady_clock::now();
        draftRound(draftLimit(options), options);
        result.draftMicros = microsSince(start);
        const auto middle = std::chrono::steady_clock::now();
        verifyRound(options, result);
        result.verifyMicros = microsSince(middle);
        return result;
    } catch (...) {
        settle();
        throw;
    }
}

void Session::rollBack(int length) {
    tokens_.resize(std::min(tokens_.size(), static_cast<size_t>(length)));
    settle();
}

void Session::settle() {
    tokens_.resize(static_cast<size_t>(decided()));
    q_.clear();
    const int evaluated = std::max(0, static_cast<int>(tokens_.size()) - 1);
    target_.truncate(evaluated);
    if (draft_) {
        draft_->truncate(evaluated);
    }
}

std::span<const float> Session::targetLogits(int output) const {
    return {target_.logits(output), static_cast<size_t>(target_.model().vocabulary().size())};
}

} // namespace specdecpp
