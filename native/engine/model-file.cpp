#include "model-file.h"

#include "error.h"
#include "log.h"

#include <ggml.h>
#include <gguf.h>
#include <llama.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace specdecpp {

namespace {

constexpr int maxLayers = 512; // llama.cpp's LLAMA_MAX_LAYERS

struct GgufDeleter {
    void operator()(gguf_context* file) const { gguf_free(file); }
};
struct GgmlDeleter {
    void operator()(ggml_context* tensors) const { ggml_free(tensors); }
};
using Gguf = std::unique_ptr<gguf_context, GgufDeleter>;
using Tensors = std::unique_ptr<ggml_context, GgmlDeleter>;

// Has `write` make the file under a name of its own and puts it in place when it is whole.
void replaceFile(const std::string& output, const std::function<void(const std::string& partial)>& write) {
    const std::string partial = output + ".partial";
    std::error_code ignored;
    try {
        write(partial);
        std::filesystem::rename(partial, output);
    } catch (const std::filesystem::filesystem_error& error) {
        std::filesystem::remove(partial, ignored);
        throw EngineError("ERR_WRITE", "Cannot write " + output + ": " + error.code().message() +
                                           ". Check the folder, its permissions and the space that is left.");
    } catch (...) {
        std::filesystem::remove(partial, ignored);
        throw;
    }
}

void checkPaths(const std::string& input, const std::string& output) {
    std::error_code ignored;
    if (std::filesystem::equivalent(input, output, ignored)) {
        throw EngineError("ERR_INVALID_ARGUMENT", "The output is the input, " + input + "; name another file.");
    }
}

bool endsWith(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Whether the tensor is the last factor of what a layer adds to the residual stream.
bool isLayerOutput(const std::string& name) {
    const auto is = [&name](const char* part) {
        return endsWith(name, std::string(part) + ".weight") || endsWith(name, std::string(part) + ".bias");
    };
    return is(".attn_output") || is(".ffn_down") || is(".ffn_down_exps") || is(".ffn_down_shexp");
}

struct Layer {
    std::vector<std::string> tensors; // names behind "blk.N."
    bool hasAttentionOutput = false;
    bool hasFeedForwardOutput = false;
};

Layer readLayer(const gguf_context* file, const std::string& prefix) {
    Layer layer;
    for (int64_t i = 0; i < gguf_get_n_tensors(file); ++i) {
        const std::string name = gguf_get_tensor_name(file, i);
        if (name.compare(0, prefix.size(), prefix) == 0) {
            layer.tensors.push_back(name.substr(prefix.size()));
            layer.hasAttentionOutput |= isLayerOutput(name) && name.find("attn") != std::string::npos;
            layer.hasFeedForwardOutput |= isLayerOutput(name) && name.find("ffn") != std::string::npos;
        }
    }
    return layer;
}

// Where the bytes of an output tensor come from; an empty source means zeros.
struct Origin {
    std::string source;
};

void copyBytes(std::ifstream& in, std::ofstream& out, size_t offset, size_t size) {
    std::vector<char> buffer(std::min<size_t>(size, size_t{1} << 22U));
    in.seekg(static_cast<std::streamoff>(offset));
    while (size > 0) {
        const size_t part = std::min(size, buffer.size());
        in.read(buffer.data(), static_cast<std::streamsize>(part));
        out.write(buffer.data(), static_cast<std::streamsize>(part));
        size -= part;
    }
}

void writeZeros(std::ofstream& out, size_t size) {
    const std::vector<char> zeros(std::min<size_t>(size, size_t{1} << 22U));
    while (size > 0) {
        const size_t part = std::min(size, zeros.size());
        out.write(zeros.data(), static_cast<std::streamsize>(part));
        size -= part;
    }
}

} // namespace

void deepen(const std::string& input, const std::string& output, int layers) {
    checkPaths(input, output);
    installLog();
    const LogCapture log;
    ggml_context* rawTensors = nullptr;
    const Gguf source(gguf_init_from_file(input.c_str(), {/*no_alloc =*/true, &rawTensors}));
    const Tensors tensors(rawTensors);
    if (!source) {
        throw EngineError("ERR_MODEL_LOAD", input + " is not a readable GGUF file: " + log.reason() +
                                                ". Check the path, and that the download is complete.");
    }
    const auto unsupported = [&input](const std::string& why) {
        return EngineError("ERR_UNSUPPORTED_MODEL", input + " cannot be deepened: " + why + ". Give another model.");
    };
    const int64_t architectureKey = gguf_find_key(source.get(), "general.architecture");
    const std::string architecture =
        architectureKey < 0 ? "" : gguf_get_val_str(source.get(), architectureKey);
    const std::string countKey = architecture + ".block_count";
    const int64_t countId = gguf_find_key(source.get(), countKey.c_str());
    if (countId < 0) {
        throw unsupported("it does not say how many layers it has");
    }
    const auto count = static_cast<int>(gguf_get_val_u32(source.get(), countId));
    if (layers < 1 || count + layers > maxLayers) {
        throw EngineError("ERR_INVALID_ARGUMENT", "layers must be 1 to " + std::to_string(maxLayers - count) +
                                                      " for a model of " + std::to_string(count) + ", but is " +
                                                      std::to_string(layers) + ".");
    }
    for (int64_t i = 0; i < gguf_get_n_kv(source.get()); ++i) {
        const std::string key = gguf_get_key(source.get(), i);
        if (key.compare(0, architecture.size() + 1, architecture + ".") == 0 &&
            gguf_get_kv_type(source.get(), i) == GGUF_TYPE_ARRAY &&
            gguf_get_arr_n(source.get(), i) == static_cast<size_t>(count)) {
            throw unsupported("its layers differ from one another (" + key + ")");
        }
    }
    const std::string last = "blk." + std::to_string(count - 1) + ".";
    const Layer layer = readLayer(source.get(), last);
    if (!layer.hasAttentionOutput || !layer.hasFeedForwardOutput) {
        throw unsupported("its layers (" + architecture + ") have no attn_output and ffn_down of their own");
    }

    const Gguf target(gguf_init_empty());
    gguf_set_kv(target.get(), source.get());
    gguf_set_val_u32(target.get(), countKey.c_str(), static_cast<uint32_t>(count + layers));
    const std::string description = std::to_string(count) + " trained layers and " + std::to_string(layers) +
                                    " idle ones that add nothing but cost";
    gguf_set_val_str(target.get(), "general.description", description.c_str());

    std::map<std::string, Origin> origins;
    const auto add = [&](const std::string& name, const std::string& from, bool zero) {
        ggml_tensor tensor = *ggml_get_tensor(tensors.get(), from.c_str());
        ggml_set_name(&tensor, name.c_str());
        gguf_add_tensor(target.get(), &tensor);
        origins[name] = {zero ? "" : from};
    };
    for (int64_t i = 0; i < gguf_get_n_tensors(source.get()); ++i) {
        const std::string name = gguf_get_tensor_name(source.get(), i);
        add(name, name, false);
    }
    for (int i = count; i < count + layers; ++i) {
        for (const std::string& name : layer.tensors) {
            add("blk." + std::to_string(i) + "." + name, last + name, isLayerOutput("." + name));
        }
    }

    replaceFile(output, [&](const std::string& partial) {
        std::ifstream in(input, std::ios::binary);
        std::ofstream out(partial, std::ios::binary);
        std::vector<char> header(gguf_get_meta_size(target.get()));
        gguf_get_meta_data(target.get(), header.data());
        out.write(header.data(), static_cast<std::streamsize>(header.size()));
        const size_t alignment = gguf_get_alignment(target.get());
        for (int64_t i = 0; i < gguf_get_n_tensors(target.get()); ++i) {
            const size_t size = gguf_get_tensor_size(target.get(), i);
            const Origin& origin = origins[gguf_get_tensor_name(target.get(), i)];
            if (origin.source.empty()) {
                writeZeros(out, size);
            } else {
                const int64_t id = gguf_find_tensor(source.get(), origin.source.c_str());
                copyBytes(in, out, gguf_get_data_offset(source.get()) + gguf_get_tensor_offset(source.get(), id), size);
            }
            writeZeros(out, GGML_PAD(size, alignment) - size);
        }
        out.close();
        if (!in || !out) {
            throw EngineError("ERR_WRITE", std::string("Cannot ") + (in ? "write " + output : "read " + input) + ": " +
                                               std::strerror(errno) +
                                               ". Check the folder, its permissions and the space that is left.");
        }
    });
}

void quantize(const std::string& input, const std::string& output, const std::string& type, int threads) {
    checkPaths(input, output);
    static const std::map<std::string, llama_ftype> types = {{"f16", LLAMA_FTYPE_MOSTLY_F16},
                                                             {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
                                                             {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},
                                                             {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
                                                             {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}};
    const auto found = types.find(type);
    if (found == types.end()) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "type must be f16, q8_0, q6_k, q5_k_m or q4_k_m, but is \"" + type + "\".");
    }
    installLog();
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = found->second;
    params.nthread = threads;
    replaceFile(output, [&](const std::string& partial) {
        const LogCapture log;
        if (llama_model_quantize(input.c_str(), partial.c_str(), &params) != 0) {
            throw EngineError("ERR_MODEL_LOAD", "llama.cpp cannot quantize " + input + ": " + log.reason() +
                                                    ". Check that it is an unquantized GGUF model, and the space left.");
        }
    });
}

} // namespace specdecpp
