#include "deepen.h"

#include "error.h"
#include "file-writing.h"
#include "log.h"

#include <ggml.h>
#include <gguf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
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

// A GGUF file's header, and its tensors' shapes without their data.
struct Source {
    std::string path;
    std::unique_ptr<gguf_context, GgufDeleter> file;
    std::unique_ptr<ggml_context, GgmlDeleter> tensors;
};

Source open(const std::string& path) {
    installLog();
    const LogCapture log;
    ggml_context* tensors = nullptr;
    Source source{path, nullptr, nullptr};
    source.file.reset(gguf_init_from_file(path.c_str(), {/*no_alloc =*/true, &tensors}));
    source.tensors.reset(tensors);
    if (!source.file) {
        throw EngineError("ERR_MODEL_LOAD", path + " is not a readable GGUF file: " + log.reason() +
                                                ". Check the path, and that the download is complete.");
    }
    return source;
}

// Whether a tensor, by its name behind "blk.N.", is the last factor of what a layer adds to the
// residual stream: of its attention, or of its feed-forward network.
bool isAttentionOutput(const std::string& name) {
    return name == "attn_output.weight" || name == "attn_output.bias";
}
bool isFeedForwardOutput(const std::string& name) {
    return name.compare(0, 8, "ffn_down") == 0; // also .bias, and _exps and _shexp of mixtures of experts
}

// One tensor of the output: a tensor of the source under a name, with its data or with zeros.
struct Part {
    std::string name;
    int64_t source;
    bool zero;
};

class Deepening {
public:
    Deepening(const Source& source, int layers) : source_(source) {
        readHeader(layers);
        const auto tensors = gguf_get_n_tensors(source_.file.get());
        const std::string last = "blk." + std::to_string(count_ - 1) + ".";
        std::vector<Part> layer;
        for (int64_t i = 0; i < tensors; ++i) {
            const std::string name = gguf_get_tensor_name(source_.file.get(), i);
            parts_.push_back({name, i, false});
            if (name.compare(0, last.size(), last) == 0) {
                const std::string own = name.substr(last.size());
                layer.push_back({own, i, isAttentionOutput(own) || isFeedForwardOutput(own)});
            }
        }
        const auto has = [&layer](bool (*is)(const std::string&)) {
            return std::any_of(layer.begin(), layer.end(), [is](const Part& part) { return is(part.name); });
        };
        if (!has(isAttentionOutput) || !has(isFeedForwardOutput)) {
            refuse("its layers (" + architecture_ + ") have no attn_output and ffn_down of their own");
        }
        for (int i = count_; i < count_ + layers; ++i) {
            for (const Part& part : layer) {
                parts_.push_back({"blk." + std::to_string(i) + "." + part.name, part.source, part.zero});
            }
        }
        describe(layers);
    }

    void write(const std::string& path, const std::string& output) const {
        std::ifstream in(source_.path, std::ios::binary);
        std::ofstream out(path, std::ios::binary);
        std::vector<char> header(gguf_get_meta_size(result_.get()));
        gguf_get_meta_data(result_.get(), header.data());
        out.write(header.data(), static_cast<std::streamsize>(header.size()));
        const size_t alignment = gguf_get_alignment(result_.get());
        std::vector<char> data;
        for (const Part& part : parts_) {
            const size_t size = gguf_get_tensor_size(source_.file.get(), part.source);
            data.assign(GGML_PAD(size, alignment), 0);
            if (!part.zero) { // zero bytes are zero weights in every type of ggml
                in.seekg(static_cast<std::streamoff>(gguf_get_data_offset(source_.file.get()) +
                                                     gguf_get_tensor_offset(source_.file.get(), part.source)));
                in.read(data.data(), static_cast<std::streamsize>(size));
            }
            out.write(data.data(), static_cast<std::streamsize>(data.size()));
        }
        out.close();
        if (!in) {
            throw EngineError("ERR_MODEL_LOAD", source_.path + " ends before its data does. Fetch it again.");
        }
        if (!out) {
            throw EngineError("ERR_WRITE", "Cannot write " + output + ": " + std::strerror(errno) +
                                               ". Check the folder, its permissions and the space that is left.");
        }
    }

private:
    void readHeader(int layers) {
        const gguf_context* file = source_.file.get();
        const int64_t architecture = gguf_find_key(file, "general.architecture");
        architecture_ = architecture < 0 ? "" : gguf_get_val_str(file, architecture);
        countKey_ = architecture_ + ".block_count";
        const int64_t count = gguf_find_key(file, countKey_.c_str());
        if (count < 0) {
            refuse("it does not say how many layers it has");
        }
        count_ = static_cast<int>(gguf_get_val_u32(file, count));
        if (layers < 1 || layers > maxLayers - count_) {
            throw EngineError("ERR_INVALID_ARGUMENT", "layers must be 1 to " + std::to_string(maxLayers - count_) +
                                                          " for this model of " + std::to_string(count_) + ", but is " +
                                                          std::to_string(layers) + ".");
        }
        for (int64_t i = 0; i < gguf_get_n_kv(file); ++i) {
            const std::string key = gguf_get_key(file, i);
            if (key.compare(0, architecture_.size() + 1, architecture_ + ".") == 0 &&
                gguf_get_kv_type(file, i) == GGUF_TYPE_ARRAY &&
                gguf_get_arr_n(file, i) == static_cast<size_t>(count_)) {
                refuse("its layers differ from one another (" + key + ")");
            }
        }
    }

    void describe(int layers) {
        result_.reset(gguf_init_empty());
        gguf_set_kv(result_.get(), source_.file.get());
        gguf_set_val_u32(result_.get(), countKey_.c_str(), static_cast<uint32_t>(count_ + layers));
        const std::string description = std::to_string(count_) + " trained layers and " + std::to_string(layers) +
                                        " idle ones that add nothing but cost";
        gguf_set_val_str(result_.get(), "general.description", description.c_str());
        for (const Part& part : parts_) {
            const char* name = gguf_get_tensor_name(source_.file.get(), part.source);
            ggml_tensor tensor = *ggml_get_tensor(source_.tensors.get(), name);
            ggml_set_name(&tensor, part.name.c_str());
            gguf_add_tensor(result_.get(), &tensor);
        }
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw EngineError("ERR_UNSUPPORTED_MODEL",
                          source_.path + " cannot be deepened: " + why + ". Give another model.");
    }

    const Source& source_;
    std::string architecture_;
    std::string countKey_;
    int count_ = 0; // layers of the source
    std::vector<Part> parts_;
    std::unique_ptr<gguf_context, GgufDeleter> result_;
};

} // namespace

void deepen(const std::string& input, const std::string& output, int layers) {
    const Source source = open(input);
    const Deepening deepening(source, layers);
    replaceFile(input, output, [&](const std::string& partial) { deepening.write(partial, output); });
}

} // namespace specdecpp
