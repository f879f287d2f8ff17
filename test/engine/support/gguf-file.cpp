#include "gguf-file.h"

#include "demo.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace {

const char* const tokensKey = "tokenizer.ggml.tokens";

} // namespace

GgufFile::GgufFile(const std::string& from, bool withTensors) : file_(gguf_init_empty()) {
    ggml_context* tensors = nullptr;
    const std::unique_ptr<gguf_context, FreeGguf> source(
        gguf_init_from_file(from.c_str(), {/*no_alloc =*/!withTensors, &tensors}));
    if (!source) {
        throw std::runtime_error("cannot read " + from);
    }
    tensors_.emplace_back(tensors);
    gguf_set_kv(file_.get(), source.get());
    if (withTensors) {
        for (int64_t i = 0; i < gguf_get_n_tensors(source.get()); ++i) {
            gguf_add_tensor(file_.get(), ggml_get_tensor(tensors, gguf_get_tensor_name(source.get(), i)));
        }
    }
}

void GgufFile::removeKeys(const std::string& prefix) {
    std::vector<std::string> keys;
    for (int64_t i = 0; i < gguf_get_n_kv(file_.get()); ++i) {
        const std::string key = gguf_get_key(file_.get(), i);
        if (key.compare(0, prefix.size(), prefix) == 0) {
            keys.push_back(key);
        }
    }
    for (const std::string& key : keys) {
        gguf_remove_key(file_.get(), key.c_str());
    }
}

void GgufFile::set(const std::string& key, const std::string& value) {
    gguf_set_val_str(file_.get(), key.c_str(), value.c_str());
}

void GgufFile::set(const std::string& key, uint32_t value) {
    gguf_set_val_u32(file_.get(), key.c_str(), value);
}

void GgufFile::set(const std::string& key, float value) {
    gguf_set_val_f32(file_.get(), key.c_str(), value);
}

void GgufFile::set(const std::string& key, bool value) {
    gguf_set_val_bool(file_.get(), key.c_str(), value);
}

void GgufFile::setToken(int token, const std::string& text) {
    std::vector<std::string> texts = tokens();
    texts.at(static_cast<size_t>(token)) = text;
    setTokens(texts);
}

void GgufFile::addToken(const std::string& text) {
    std::vector<std::string> texts = tokens();
    texts.push_back(text);
    setTokens(texts);
    const auto extend = [&]<typename T>(const char* key, gguf_type type, T value) {
        const int64_t id = gguf_find_key(file_.get(), key);
        const auto* data = static_cast<const T*>(gguf_get_arr_data(file_.get(), id));
        std::vector<T> values(data, data + gguf_get_arr_n(file_.get(), id));
        values.push_back(value);
        gguf_set_arr_data(file_.get(), key, type, values.data(), values.size());
    };
    extend("tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, 0.0F);
    extend("tokenizer.ggml.token_type", GGUF_TYPE_INT32, int32_t{5}); // llama.cpp's LLAMA_TOKEN_TYPE_UNUSED
}

void GgufFile::setType(const std::string& tensor, ggml_type type) {
    gguf_set_tensor_type(file_.get(), tensor.c_str(), type);
}

std::vector<std::string> GgufFile::tokens() const {
    const int64_t id = gguf_find_key(file_.get(), tokensKey);
    std::vector<std::string> texts;
    for (size_t i = 0; i < gguf_get_arr_n(file_.get(), id); ++i) {
        texts.emplace_back(gguf_get_arr_str(file_.get(), id, i));
    }
    return texts;
}

void GgufFile::setTokens(const std::vector<std::string>& texts) {
    std::vector<const char*> pointers;
    for (const std::string& each : texts) {
        pointers.push_back(each.c_str());
    }
    gguf_set_arr_str(file_.get(), tokensKey, pointers.data(), pointers.size());
}

void GgufFile::addTensor(const std::string& name, std::initializer_list<int64_t> ne, float mean, float deviation) {
    size_t count = 1;
    for (const int64_t n : ne) {
        count *= static_cast<size_t>(n);
    }
    ggml_context* context = ggml_init({count * sizeof(float) + 2 * ggml_tensor_overhead(), nullptr, false});
    tensors_.emplace_back(context);
    ggml_tensor* tensor = ggml_new_tensor(context, GGML_TYPE_F32, static_cast<int>(ne.size()), std::data(ne));
    ggml_set_name(tensor, name.c_str());
    std::normal_distribution<float> normal(mean, deviation);
    auto* data = static_cast<float*>(tensor->data);
    std::generate(data, data + count, [&] { return normal(generator_); });
    gguf_add_tensor(file_.get(), tensor);
}

void GgufFile::write(const std::string& path) const {
    if (!gguf_write_to_file(file_.get(), path.c_str(), false)) {
        throw std::runtime_error("cannot write " + path);
    }
}

void writeMamba(const std::string& path) {
    constexpr int64_t width = 64;
    constexpr int64_t inner = 2 * width;
    constexpr int64_t state = 8;
    constexpr int64_t rank = 4;
    constexpr int64_t kernel = 4;
    GgufFile file(demoDraftPath(), false);
    file.removeKeys("llama.");
    file.set("general.architecture", std::string("mamba"));
    file.set("mamba.context_length", uint32_t{512});
    file.set("mamba.embedding_length", static_cast<uint32_t>(width));
    file.set("mamba.feed_forward_length", uint32_t{0});
    file.set("mamba.attention.head_count", uint32_t{0});
    file.set("mamba.block_count", uint32_t{2});
    file.set("mamba.ssm.conv_kernel", static_cast<uint32_t>(kernel));
    file.set("mamba.ssm.inner_size", static_cast<uint32_t>(inner));
    file.set("mamba.ssm.state_size", static_cast<uint32_t>(state));
    file.set("mamba.ssm.time_step_rank", static_cast<uint32_t>(rank));
    file.set("mamba.attention.layer_norm_rms_epsilon", 1e-5F);
    file.addTensor("token_embd.weight", {width, 4096}, 0, 1);
    file.addTensor("output_norm.weight", {width}, 1, 0);
    for (const char* block : {"blk.0.", "blk.1."}) {
        const auto add = [&](const char* name, std::initializer_list<int64_t> ne, float mean, float deviation) {
            file.addTensor(std::string(block) + name, ne, mean, deviation);
        };
        add("attn_norm.weight", {width}, 1, 0);
        add("ssm_in.weight", {width, 2 * inner}, 0, 0.2F);
        add("ssm_conv1d.weight", {kernel, inner}, 0, 0.5F);
        add("ssm_conv1d.bias", {inner}, 0, 0.1F);
        add("ssm_x.weight", {inner, rank + 2 * state}, 0, 0.2F);
        add("ssm_dt.weight", {rank, inner}, 0, 0.2F);
        add("ssm_dt.bias", {inner}, 0, 0.1F);
        add("ssm_a", {state, inner}, -1, 0.1F); // negative: the state decays
        add("ssm_d", {inner}, 1, 0.1F);
        add("ssm_out.weight", {inner, width}, 0, 0.2F);
    }
    file.write(path);
}

void writeGpt2(const std::string& path, int64_t positions, int padding) {
    constexpr int64_t width = 32;
    constexpr int64_t inner = 64;
    GgufFile file(demoDraftPath(), false);
    for (int i = 0; i < padding; ++i) {
        file.addToken("<padding " + std::to_string(i) + ">");
    }
    file.removeKeys("llama.");
    file.set("general.architecture", std::string("gpt2"));
    file.set("gpt2.context_length", static_cast<uint32_t>(positions));
    file.set("gpt2.embedding_length", static_cast<uint32_t>(width));
    file.set("gpt2.feed_forward_length", static_cast<uint32_t>(inner));
    file.set("gpt2.attention.head_count", uint32_t{2});
    file.set("gpt2.block_count", uint32_t{1});
    file.set("gpt2.attention.layer_norm_epsilon", 1e-5F);
    file.addTensor("token_embd.weight", {width, 4096 + padding}, 0, 1);
    file.addTensor("position_embd.weight", {width, positions}, 0, 1);
    const auto addNorm = [&](const std::string& name) {
        file.addTensor(name + ".weight", {width}, 1, 0);
        file.addTensor(name + ".bias", {width}, 0, 0);
    };
    const auto addLinear = [&](const std::string& name, int64_t from, int64_t to) {
        file.addTensor(name + ".weight", {from, to}, 0, 0.2F);
        file.addTensor(name + ".bias", {to}, 0, 0.1F);
    };
    addNorm("output_norm");
    addNorm("blk.0.attn_norm");
    addNorm("blk.0.ffn_norm");
    addLinear("blk.0.attn_qkv", width, 3 * width);
    addLinear("blk.0.attn_output", width, width);
    addLinear("blk.0.ffn_up", width, inner);
    addLinear("blk.0.ffn_down", inner, width);
    file.write(path);
}

void writeBert(const std::string& path, int poolingType) {
    constexpr int64_t width = 32;
    constexpr int64_t inner = 64;
    constexpr int64_t length = 128;
    GgufFile file(demoDraftPath(), false);
    file.removeKeys("llama.");
    file.set("general.architecture", std::string("bert"));
    file.set("bert.context_length", static_cast<uint32_t>(length));
    file.set("bert.embedding_length", static_cast<uint32_t>(width));
    file.set("bert.feed_forward_length", static_cast<uint32_t>(inner));
    file.set("bert.attention.head_count", uint32_t{2});
    file.set("bert.block_count", uint32_t{1});
    file.set("bert.attention.causal", false);
    file.set("bert.attention.layer_norm_epsilon", 1e-5F);
    if (poolingType >= 0) {
        file.set("bert.pooling_type", static_cast<uint32_t>(poolingType));
    }
    file.set("tokenizer.ggml.token_type_count", uint32_t{2});
    file.addTensor("token_embd.weight", {width, 4096}, 0, 1);
    file.addTensor("token_types.weight", {width, 2}, 0, 1);
    file.addTensor("position_embd.weight", {width, length}, 0, 1);
    file.addTensor("token_embd_norm.weight", {width}, 1, 0);
    file.addTensor("token_embd_norm.bias", {width}, 0, 0);
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
        file.addTensor("blk.0." + std::string(name) + ".weight", {width, width}, 0, 0.2F);
    }
    for (const char* name : {"attn_output_norm", "layer_output_norm"}) {
        file.addTensor("blk.0." + std::string(name) + ".weight", {width}, 1, 0);
        file.addTensor("blk.0." + std::string(name) + ".bias", {width}, 0, 0);
    }
    file.addTensor("blk.0.ffn_up.weight", {width, inner}, 0, 0.2F);
    file.addTensor("blk.0.ffn_down.weight", {inner, width}, 0, 0.2F);
    file.write(path);
}
