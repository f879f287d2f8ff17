#include "model.h"

#include "backend.h"
#include "error.h"
#include "gguf-header.h"
#include "log.h"

#include <algorithm>

namespace specdecpp {

namespace {

bool isGpu(ggml_backend_dev_t device) {
    const enum ggml_backend_dev_type type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

// The first of these, of all if there are none; nullptr without one.
ggml_backend_dev_t findGpu(std::vector<ggml_backend_dev_t> devices) {
    if (devices.empty()) {
        for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
            devices.push_back(ggml_backend_dev_get(i));
        }
    }
    const auto found = std::find_if(devices.begin(), devices.end(), isGpu);
    return found == devices.end() ? nullptr : *found;
}

llama_load_mode loadMode(const ModelOptions& options) {
    if (options.mmap) {
        return options.mlock ? LLAMA_LOAD_MODE_MMAP_MLOCK : LLAMA_LOAD_MODE_MMAP;
    }
    return options.mlock ? LLAMA_LOAD_MODE_MLOCK : LLAMA_LOAD_MODE_NONE;
}

} // namespace

Model::Model(const ModelOptions& options, LoadMonitor& monitor) : path_(options.path), vocabulary_(nullptr) {
    installLog();
    std::vector<ggml_backend_dev_t> devices;
    for (const std::string& name : options.devices) {
        devices.push_back(findDevice(name));
    }
    ggml_backend_dev_t gpu = options.gpuLayers == 0 ? nullptr : findGpu(devices);
    usesGpu_ = gpu != nullptr;
    device_ = usesGpu_ ? gpu : ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (options.gpuLayers > 0 && !usesGpu_) {
        throw EngineError("ERR_NO_GPU", "gpuLayers is " + std::to_string(options.gpuLayers) +
                                            ", but llama.cpp finds no GPU it can use here. Leave gpuLayers out to "
                                            "run on the processor, or see to the GPU's driver.");
    }
    devices.push_back(nullptr);
    readHeader();

    llama_model_params params = llama_model_default_params();
    params.devices = devices.size() > 1 ? devices.data() : nullptr;
    params.n_gpu_layers = options.gpuLayers;
    params.load_mode = loadMode(options);
    params.progress_callback_user_data = &monitor;
    params.progress_callback = [](float progress, void* data) {
        auto* watched = static_cast<LoadMonitor*>(data);
        watched->progress = progress;
        return !watched->abort;
    };

    const LogCapture log;
    model_.reset(llama_model_load_from_file(path_.c_str(), params));
    if (monitor.abort) {
        throw EngineError("ERR_ABORTED", "Loading " + path_ + " was aborted.");
    }
    if (!model_) {
        throw EngineError("ERR_MODEL_LOAD", "llama.cpp cannot load " + path_ + ": " + log.reason() +
                                                ". Check that the file is complete, and that this llama.cpp (" +
                                                loadedRelease() + ") knows its architecture.");
    }
    vocabulary_ = Vocabulary(llama_model_get_vocab(model_.get()));
    checkGenerates();
}

void Model::readHeader() {
    const GgufHeader header(path_);
    header.check();
    headWidthK_ = header.number(header.key("attention.key_length")).value_or(0);
    headWidthV_ = header.number(header.key("attention.value_length")).value_or(0);
    causal_ = header.boolean(header.key("attention.causal")).value_or(true);
    const ggml_tensor* positions = header.tensor("position_embd.weight");
    maxPositions_ = positions == nullptr ? 0 : positions->ne[1];
}

void Model::checkGenerates() const {
    const std::string pooling = metadata(architecture() + ".pooling_type");
    const bool embeds = !causal_ || (!pooling.empty() && pooling != "0"); // 0: no pooling
    if (embeds || llama_model_has_encoder(model_.get()) || !llama_model_has_decoder(model_.get()) ||
        llama_model_is_diffusion(model_.get())) {
        throw EngineError("ERR_NOT_GENERATIVE",
                          path_ + " (" + description() +
                              ") is not a model that continues a text, but an embedding, "
                              "encoder-decoder or diffusion model. Give a causal language model.");
    }
    if (!vocabulary_.exists()) {
        throw EngineError("ERR_NOT_GENERATIVE", path_ + " (" + description() +
                                                    ") has no vocabulary, so its output is no text. Give a file "
                                                    "with a tokenizer.");
    }
}

std::string Model::metadata(const std::string& key) const {
    std::string value(64, '\0');
    int32_t length = llama_model_meta_val_str(model_.get(), key.c_str(), value.data(), value.size());
    if (length >= static_cast<int32_t>(value.size())) {
        value.resize(static_cast<size_t>(length) + 1);
        length = llama_model_meta_val_str(model_.get(), key.c_str(), value.data(), value.size());
    }
    value.resize(static_cast<size_t>(std::max(length, 0)));
    return value;
}

std::string Model::description() const {
    char text[128];
    llama_model_desc(model_.get(), text, sizeof text);
    return text;
}

uint64_t Model::cacheWidth(double headWidth) const {
    const auto count = [](int32_t n) { return static_cast<uint64_t>(std::max(n, 1)); };
    const uint64_t width = headWidth > 0
                               ? static_cast<uint64_t>(headWidth)
                               : count(llama_model_n_embd(model_.get())) / count(llama_model_n_head(model_.get()));
    return count(llama_model_n_layer(model_.get())) * count(llama_model_n_head_kv(model_.get())) * width;
}

} // namespace specdecpp
