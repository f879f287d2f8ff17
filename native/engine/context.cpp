#include "context.h"

#include "error.h"
#include "log.h"

#include <algorithm>

namespace specdecpp {

namespace {

// One sequence a context for now; everything of it hangs on its id from the start.
constexpr llama_seq_id sequence = 0;

// Rows one llama_decode takes: llama.cpp's own default for a physical batch.
constexpr int maxRows = 512;

struct Batch {
    explicit Batch(int rows) : value(llama_batch_init(rows, 0, 1)) {}
    ~Batch() { llama_batch_free(value); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    llama_batch value;
};

} // namespace

Context::Context(std::shared_ptr<const Model> model, const ContextOptions& options, const std::atomic<bool>* abort)
    : model_(std::move(model)), patience_{abort}, size_(options.size), maxOutputs_(options.maxOutputs) {
    if (model_->maxPositions() > 0 && options.size > model_->maxPositions()) {
        throw EngineError("ERR_INVALID_ARGUMENT", "contextSize is " + std::to_string(options.size) + ", but " +
                                                      model_->path() + " has learned " +
                                                      std::to_string(model_->maxPositions()) +
                                                      " positions and knows no others. Ask for no more than these.");
    }
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(options.size);
    params.n_batch = maxRows;
    params.n_ubatch = maxRows;
    params.n_seq_max = 1;
    // llama.cpp reserves a logits row of the whole vocabulary for each output; the default is a row
    // for each token of a batch, half a gigabyte at 262,144 entries.
    params.n_outputs_max = static_cast<uint32_t>(options.maxOutputs);
    params.pooling_type = LLAMA_POOLING_TYPE_NONE; // a state for each token
    params.n_threads = options.threads;
    params.n_threads_batch = options.threads;
    params.type_k = options.typeK;
    params.type_v = options.typeV;
    // A sliding-window cache would lose the cells outside of the window, and a rollback needs them.
    params.swa_full = true;
    params.abort_callback = [](void* data) { return static_cast<Patience*>(data)->stops(); };
    params.abort_callback_data = &patience_;

    // A decode that is given up is taken back and repeated, which a recurrent state does not allow.
    const bool canRepeat = !llama_model_is_recurrent(model_->get()) && !llama_model_is_hybrid(model_->get());
    if (options.adaptThreads && !model_->usesGpu() && canRepeat) {
        const double readMicros = static_cast<double>(llama_model_size(model_->get())) / 1000; // at 1 GB/s
        tuner_.emplace(options.threads, 20000 + readMicros);
    }

    createContext(params);
    if (llama_get_memory(context_.get()) == nullptr) {
        throw EngineError("ERR_NOT_GENERATIVE", model_->path() + " (" + model_->description() +
                                                    ") keeps no state between tokens, so it cannot continue a text; "
                                                    "it is an embedding model. Give a causal language model.");
    }
}

void Context::createContext(const llama_context_params& params) {
    const LogCapture log;
    context_.reset(llama_init_from_model(model_->get(), params));
    if (context_) {
        return;
    }
    const std::string reason = log.reason();
    const std::string failure = "llama.cpp cannot create a context of " + std::to_string(size_) + " tokens for " +
                                model_->path() + ": " + reason;
    // It looks at the types of the caches first, and says what does not fit; what fails after that is memory.
    const bool typesDoNotFit = !reason.empty() && reason.find("failed to") == std::string::npos;
    throw typesDoNotFit ? EngineError("ERR_INVALID_ARGUMENT", failure + ". Leave kvTypeK and kvTypeV at f16.")
                        : EngineError("ERR_OUT_OF_MEMORY", failure + ". Ask for a smaller contextSize.");
}

void Context::decode(std::span<const Token> tokens, int outputs) {
    const int before = past_;
    try {
        while (!tokens.empty()) {
            // The rows with outputs stay together in the last chunk.
            const auto rest = static_cast<int>(tokens.size());
            const int most = givesStates_ ? maxOutputs_ : maxRows;
            const int rows = rest <= most ? rest : std::min(most, rest - outputs);
            decodeChunk(tokens.first(rows), rows == rest ? outputs : 0);
            tokens = tokens.subspan(rows);
        }
    } catch (...) {
        try {
            truncate(before);
        } catch (const EngineError&) {
            // A recurrent state is lost; past() is 0, and the error that counts is the first.
        }
        throw;
    }
}

void Context::decodeChunk(std::span<const Token> tokens, int outputs) {
    const auto rows = static_cast<int>(tokens.size());
    if (past_ + rows > size_) {
        throw EngineError("ERR_CONTEXT_FULL", "The context of " + std::to_string(size_) + " tokens has no room for " +
                                                  std::to_string(past_ + rows) + ". Ask for a larger contextSize.");
    }
    Batch batch(rows);
    batch.value.n_tokens = rows;
    for (int i = 0; i < rows; ++i) {
        batch.value.token[i] = tokens[i];
        batch.value.pos[i] = past_ + i;
        batch.value.n_seq_id[i] = 1;
        batch.value.seq_id[i][0] = sequence;
        batch.value.logits[i] = givesStates_ || i >= rows - outputs;
    }
    const LogCapture log;
    const int32_t status = decodeBatch(batch.value);
    past_ += rows; // a failed decode may have left some of its rows; decode() takes all of them back
    switch (status) {
    case 0:
        break;
    case 1:
        throw EngineError("ERR_CONTEXT_FULL", "llama.cpp finds no room in the KV cache of " + std::to_string(size_) +
                                                  " tokens. Ask for a larger contextSize.");
    case 2:
        throw EngineError("ERR_ABORTED", "The evaluation was aborted.");
    default:
        throw EngineError("ERR_DECODE", "llama.cpp failed to evaluate " + std::to_string(rows) + " tokens (status " +
                                            std::to_string(status) + "): " + log.reason() +
                                            ". Check the memory that is left, and report it if that is not the cause.");
    }
    rows_ = rows;
    outputs_ = outputs;
    evaluated_ += static_cast<uint64_t>(rows);
}

// With as many threads as are known to be fastest; again with fewer when that takes too long.
int32_t Context::decodeBatch(const llama_batch& batch) {
    for (;;) {
        const ThreadTuner::Plan plan = tuner_ ? tuner_->plan(batch.n_tokens) : ThreadTuner::Plan{0, 0};
        double micros = 0;
        const int32_t status = decodeWithin(batch, plan, micros);
        decodeMicros_ += micros;
        if (!tuner_ || (status != 0 && !patience_.lost)) {
            return status;
        }
        tuner_->observe(batch.n_tokens, plan, micros, patience_.lost);
        if (!patience_.lost) {
            return status;
        }
        llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, past_, -1);
    }
}

int32_t Context::decodeWithin(const llama_batch& batch, const ThreadTuner::Plan& plan, double& micros) {
    if (plan.threads > 0) {
        llama_set_n_threads(context_.get(), plan.threads, plan.threads);
    }
    patience_.micros = plan.patienceMicros;
    patience_.lost = false;
    patience_.watch = Stopwatch();
    const int32_t status = llama_decode(context_.get(), batch);
    if (status == 0) {
        llama_synchronize(context_.get()); // a GPU may still be at work
    }
    micros = patience_.watch.micros();
    return status;
}

bool Context::Patience::stops() {
    if (*abort) {
        return true;
    }
    // The clock is asked at every 16th node only: there are thousands in a pass.
    if (micros > 0 && ++questions % 16 == 0 && watch.micros() > micros) {
        lost = true;
    }
    return lost;
}

const float* Context::logits(int output) const {
    return row(llama_get_logits_ith(context_.get(), rows_ - outputs_ + output), output);
}

const float* Context::state(int output) const {
    return row(llama_get_embeddings_ith(context_.get(), rows_ - outputs_ + output), output);
}

const float* Context::row(const float* found, int output) const {
    if (found == nullptr) {
        throw EngineError("ERR_DECODE", "llama.cpp returned nothing for row " + std::to_string(output) + " of " +
                                            std::to_string(outputs_) + "; report this.");
    }
    return found;
}

void Context::giveStates(bool on) {
    givesStates_ = on;
    llama_set_embeddings(context_.get(), on);
}

void Context::truncate(int length) {
    if (length >= past_) {
        return;
    }
    llama_memory_t memory = llama_get_memory(context_.get());
    if (length == 0) {
        llama_memory_clear(memory, false);
    } else if (!llama_memory_seq_rm(memory, sequence, length, -1)) {
        // A recurrent state keeps no history, and half a sequence would be worse than none.
        llama_memory_clear(memory, false);
        past_ = 0;
        throw EngineError("ERR_NO_ROLLBACK", model_->path() + " (" + model_->architecture() +
                                                 ") cannot take back evaluated tokens. Use it without a draft.");
    }
    past_ = length;
}

bool Context::canRollBack() {
    const Token first = 0;
    const Token tokens[] = {first, first};
    decode(tokens, 0);
    const bool removed = llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, 1, -1);
    truncate(0);
    return removed;
}

} // namespace specdecpp
