#pragma once

#include "model.h"
#include "stopwatch.h"
#include "thread-tuner.h"

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace specdecpp {

struct ContextOptions {
    int size = 0;              // tokens the context holds
    int threads = 1;           // for every decode, of one row or of many
    bool adaptThreads = false; // use fewer where that is faster, `threads` at most
    int maxOutputs = 1;        // rows whose logits one decode may return
    ggml_type typeK = GGML_TYPE_F16;
    ggml_type typeV = GGML_TYPE_F16;
};

struct LlamaContextDeleter {
    void operator()(llama_context* context) const { llama_free(context); }
};

// One sequence's KV cache on one model: what has been evaluated, and the logits of the last decode.
//
// Invariant: after every call, also one that throws, the cache holds exactly the first past()
// tokens of the sequence: as many as before the call that threw, or none where a recurrent model
// cannot take tokens back.
class Context {
public:
    // A decode stops when *abort becomes true (on the processor; elsewhere, at its end).
    // Throws ERR_OUT_OF_MEMORY, ERR_NOT_GENERATIVE, or ERR_INVALID_ARGUMENT for what the model does not allow.
    Context(std::shared_ptr<const Model> model, const ContextOptions& options, const std::atomic<bool>* abort);

    // Evaluates `tokens` at the positions past()…; afterwards logits(0…outputs-1) are those of the
    // last `outputs` tokens. Throws ERR_ABORTED, ERR_CONTEXT_FULL or ERR_DECODE.
    void decode(std::span<const Token> tokens, int outputs);

    // Shape [vocabulary size]; valid until the next decode.
    const float* logits(int output) const;

    // Whether decodes also give hidden states. It makes every row an output, so a decode takes no more
    // than maxOutputs rows at a time: off for a prompt.
    void giveStates(bool on);

    // The hidden state of a row after the final norm, shape [stateWidth]; valid until the next decode.
    const float* state(int output) const;
    int stateWidth() const { return llama_model_n_embd_out(model_->get()); }

    // Forgets all but the first `length` tokens; no effect if there are no more than that.
    void truncate(int length);

    // Whether truncate can take away a part of the sequence: recurrent and hybrid models cannot,
    // because their state keeps no history. Evaluates two tokens on an empty cache.
    bool canRollBack();

    // Time spent in llama.cpp since the last time it was asked for, in microseconds.
    double takeDecodeMicros() { return std::exchange(decodeMicros_, 0); }

    int past() const { return past_; }
    // Tokens that decodes have evaluated since the context was made, also those that were taken back.
    uint64_t evaluated() const { return evaluated_; }
    int size() const { return size_; }
    const Model& model() const { return *model_; }

private:
    void createContext(const llama_context_params& params);
    void decodeChunk(std::span<const Token> tokens, int outputs);
    const float* row(const float* found, int output) const;
    int32_t decodeBatch(const llama_batch& batch);
    int32_t decodeWithin(const llama_batch& batch, const ThreadTuner::Plan& plan, double& micros);

    // What llama.cpp asks between the nodes of a graph.
    struct Patience {
        const std::atomic<bool>* abort;
        Stopwatch watch{};
        double micros = 0; // 0: endless
        unsigned questions = 0;
        bool lost = false;
        bool stops();
    };

    std::shared_ptr<const Model> model_;
    Patience patience_; // before the context, which holds its address
    std::optional<ThreadTuner> tuner_;
    std::unique_ptr<llama_context, LlamaContextDeleter> context_;
    int size_;
    int maxOutputs_;
    bool givesStates_ = false;
    int past_ = 0;
    uint64_t evaluated_ = 0;
    int rows_ = 0; // rows of the last decode, and how many of them have logits
    int outputs_ = 0;
    double decodeMicros_ = 0;
};

} // namespace specdecpp
