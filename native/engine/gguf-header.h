#pragma once

#include <ggml.h>
#include <gguf.h>

#include <memory>
#include <optional>
#include <string>

namespace specdecpp {

constexpr int maxLayers = 512; // llama.cpp's LLAMA_MAX_LAYERS

struct GgufDeleter {
    void operator()(gguf_context* file) const { gguf_free(file); }
};

// The header of a GGUF file: its keys, and its tensors' shapes without their data. Of a split model,
// of its first part, which has all keys.
class GgufHeader {
public:
    // Throws ERR_MODEL_LOAD.
    explicit GgufHeader(const std::string& path);

    // Throws ERR_MODEL_LOAD for what llama.cpp would end the process over, instead of failing to load:
    // its assertions on hyperparameters, and on types of tensors that its kernels do not have.
    void check() const;

    const gguf_context* file() const { return file_.get(); }
    const ggml_tensor* tensor(const std::string& name) const { return ggml_get_tensor(tensors_.get(), name.c_str()); }

    // Nothing if the key is not there or of another type.
    std::optional<double> number(const std::string& key) const;
    std::optional<std::string> string(const std::string& key) const;
    std::optional<bool> boolean(const std::string& key) const;

    std::string architecture() const { return string("general.architecture").value_or(""); }
    // A hyperparameter's key: behind the architecture's name.
    std::string key(const std::string& name) const { return architecture() + "." + name; }

private:
    void checkExperts() const;
    [[noreturn]] void refuse(const std::string& why) const;

    struct GgmlDeleter {
        void operator()(ggml_context* tensors) const { ggml_free(tensors); }
    };

    std::string path_;
    std::unique_ptr<gguf_context, GgufDeleter> file_;
    std::unique_ptr<ggml_context, GgmlDeleter> tensors_;
};

} // namespace specdecpp
