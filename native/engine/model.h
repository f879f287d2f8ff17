#pragma once

#include "vocabulary.h"

#include <ggml-backend.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace specdecpp {

struct ModelOptions {
    std::string path;
    int gpuLayers = -1;               // -1: all of them, when there is a GPU
    std::vector<std::string> devices; // names of listDevices(); empty: every GPU
    bool mmap = true;
    bool mlock = false;
};

// What the thread that loads shares with the one that watches.
struct LoadMonitor {
    std::atomic<float> progress{0}; // 0…1
    std::atomic<bool> abort{false};
};

struct LlamaModelDeleter {
    void operator()(llama_model* model) const { llama_model_free(model); }
};

// A loaded GGUF model that can generate text: weights and vocabulary, no state. Immutable.
class Model {
public:
    // Throws ERR_MODEL_LOAD, ERR_NOT_GENERATIVE, ERR_NO_DEVICE, ERR_NO_GPU or ERR_ABORTED.
    Model(const ModelOptions& options, LoadMonitor& monitor);

    llama_model* get() const { return model_.get(); }
    const Vocabulary& vocabulary() const { return vocabulary_; }
    const std::string& path() const { return path_; }

    std::string metadata(const std::string& key) const; // "" if it is not there
    std::string architecture() const { return metadata("general.architecture"); }
    std::string description() const; // such as "llama 7B Q8_0"
    bool usesGpu() const { return usesGpu_; }
    // A GPU that it uses, or else the processor.
    ggml_backend_dev_t device() const { return device_; }

    // Numbers that one token keeps in the K and in the V cache, over all layers.
    uint64_t cacheWidthK() const { return cacheWidth(headWidthK_); }
    uint64_t cacheWidthV() const { return cacheWidth(headWidthV_); }

    // Tokens that a context may hold at most, where positions are learned; llama.cpp would read behind
    // their table. 0: no limit.
    int64_t maxPositions() const { return maxPositions_; }

private:
    uint64_t cacheWidth(double headWidth) const;
    void readHeader();
    void checkGenerates() const;

    std::string path_;
    double headWidthK_ = 0; // 0: not said
    double headWidthV_ = 0;
    int64_t maxPositions_ = 0;
    bool causal_ = true;
    std::unique_ptr<llama_model, LlamaModelDeleter> model_;
    Vocabulary vocabulary_;
    bool usesGpu_ = false;
    ggml_backend_dev_t device_ = nullptr;
};

} // namespace specdecpp
