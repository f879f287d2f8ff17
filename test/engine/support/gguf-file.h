#pragma once

#include <ggml.h>
#include <gguf.h>

#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

// A GGUF file in the making: the metadata of another, changed, and tensors of its own.
class GgufFile {
public:
    // All metadata of `from`; its tensors too, if wanted.
    GgufFile(const std::string& from, bool withTensors);

    void removeKeys(const std::string& prefix);
    void set(const std::string& key, const std::string& value);
    void set(const std::string& key, uint32_t value);
    void set(const std::string& key, float value);
    void set(const std::string& key, bool value);
    void setToken(int token, const std::string& text);
    // An unused token at the end of the vocabulary: padding.
    void addToken(const std::string& text);
    // Of a tensor that is there; its data stays as it is.
    void setType(const std::string& tensor, ggml_type type);

    // Normally distributed F32 numbers, always the same for one file. ne: innermost dimension first.
    void addTensor(const std::string& name, std::initializer_list<int64_t> ne, float mean, float deviation);

    void write(const std::string& path) const;

private:
    std::vector<std::string> tokens() const;
    void setTokens(const std::vector<std::string>& texts);

    struct FreeGguf {
        void operator()(gguf_context* file) const { gguf_free(file); }
    };
    struct FreeGgml {
        void operator()(ggml_context* tensors) const { ggml_free(tensors); }
    };
    std::unique_ptr<gguf_context, FreeGguf> file_;
    std::vector<std::unique_ptr<ggml_context, FreeGgml>> tensors_;
    std::mt19937_64 generator_{1};
};

// Tiny models of random weights with the demo's vocabulary.
void writeMamba(const std::string& path);
// Attention with learned positions, heads of 16. padding: tokens that it has more than the demo.
void writeGpt2(const std::string& path, int64_t positions, int padding = 0);
// poolingType: llama.cpp's number, or -1 to leave the key out.
void writeBert(const std::string& path, int poolingType);
