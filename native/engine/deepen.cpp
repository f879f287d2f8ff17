#include "deepen.h"

#include "error.h"
#include "file-writing.h"
#include "gguf-header.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace specdecpp {

namespace {

// Whether a tensor, by its name behind "blk.N.", is the last factor of what a layer adds to the
// residual stream: of its attention, or of its feed-forward network.
bool isAttentionOutput(const std::string& name) {
    return name == "attn_output.weight" || name == "attn_output.bias";
}
bool isFeedForwardOutput(const std::string& name) {
    return name.starts_with("ffn_down"); // also .bias, and _exps and _shexp of mixtures of experts
}

// One tensor of the output: a tensor of the source under a name, with its data or with zeros.
struct Part {
    std::string name;
    int64_t source;
    bool zero;
};

// What llama.cpp works out of the number of layers, so that more of them would change the output.
bool dependsOnLayers(const GgufHeader& source, int count) {
    const std::string architecture = source.architecture();
    if (architecture == "minicpm") {
        return !source.number("minicpm.residual_scale");
    }
    if (architecture == "gemma2" || architecture == "gemma3") { // 27 B: attention is scaled in another way
        return count == 46 || count == 62;
    }
    return architecture == "baichuan" || architecture == "deepseek2";
}

class Deepening {
public:
    Deepening(const std::string& path, int layers) : path_(path), source_(path) {
        source_.check();
        readHeader(layers);
        const std::vector<Part> layer = readTensors();
        const auto has = [&layer](bool (*is)(const std::string&)) {
            return std::any_of(layer.begin(), layer.end(), [is](const Part& part) { return is(part.name); });
        };
        if (!has(isAttentionOutput) || !has(isFeedForwardOutput)) {
            refuse("its layers (" + source_.architecture() + ") have no attn_output and ffn_down of their own");
        }
        for (int i = count_; i < count_ + layers; ++i) {
            for (const Part& part : layer) {
                parts_.push_back({"blk." + std::to_string(i) + "." + part.name, part.source, part.zero});
            }
        }
        describe(layers);
    }

    void write(const std::string& path, const std::string& output) const {
        std::ifstream in(path_, std::ios::binary);
        std::ofstream out(path, std::ios::binary);
        std::vector<char> header(gguf_get_meta_size(result_.get()));
        gguf_get_meta_data(result_.get(), header.data());
        out.write(header.data(), static_cast<std::streamsize>(header.size()));
        const size_t alignment = gguf_get_alignment(result_.get());
        std::vector<char> data;
        for (const Part& part : parts_) {
            const size_t size = gguf_get_tensor_size(source_.file(), part.source);
            data.assign(GGML_PAD(size, alignment), 0);
            if (!part.zero) { // zero bytes are zero weights in every type of ggml
                in.seekg(static_cast<std::streamoff>(gguf_get_data_offset(source_.file()) +
                                                     gguf_get_tensor_offset(source_.file(), part.source)));
                in.read(data.data(), static_cast<std::streamsize>(size));
            }
            out.write(data.data(), static_cast<std::streamsize>(data.size()));
        }
        out.close();
        if (!in) {
            throw EngineError("ERR_MODEL_LOAD", path_ + " ends before its data does. Fetch it again.");
        }
        if (!out) {
            throw EngineError("ERR_WRITE", "Cannot write " + output + ": " + std::strerror(errno) +
                                               ". Check the folder, its permissions and the space that is left.");
        }
    }

private:
    void readHeader(int layers) {
        const std::string countKey = source_.key("block_count");
        const std::optional<double> count = source_.number(countKey);
        if (!count) {
            refuse("it does not say how many layers it has");
        }
        count_ = static_cast<int>(*count);
        if (layers < 1 || layers > maxLayers - count_) {
            throw EngineError("ERR_INVALID_ARGUMENT", "layers must be 1 to " + std::to_string(maxLayers - count_) +
                                                          " for this model of " + std::to_string(count_) + ", but is " +
                                                          std::to_string(layers) + ".");
        }
        if (source_.number(source_.key("nextn_predict_layers")).value_or(0) > 0) {
            refuse("behind its layers are others, for later tokens (nextn_predict_layers)");
        }
        if (dependsOnLayers(source_, count_) || dependsOnLayers(source_, count_ + layers)) {
            refuse("llama.cpp evaluates this architecture (" + source_.architecture() +
                   ") differently for another number of layers");
        }
        const gguf_context* file = source_.file();
        for (int64_t i = 0; i < gguf_get_n_kv(file); ++i) {
            const std::string key = gguf_get_key(file, i);
            const bool perLayer = key.starts_with(source_.key("")) && gguf_get_kv_type(file, i) == GGUF_TYPE_ARRAY &&
                                  gguf_get_arr_n(file, i) == static_cast<size_t>(count_);
            if (perLayer || key.starts_with(source_.key("ssm.")) || key == source_.key("full_attention_interval")) {
                refuse("its layers differ from one another (" + key + ")");
            }
        }
    }

    // Takes over all tensors; returns those of the last layer, by their names within it.
    std::vector<Part> readTensors() {
        std::map<int, std::set<std::string>> names; // of each layer
        std::vector<Part> last;
        for (int64_t i = 0; i < gguf_get_n_tensors(source_.file()); ++i) {
            const std::string name = gguf_get_tensor_name(source_.file(), i);
            parts_.push_back({name, i, false});
            const size_t dot = name.find('.', 4);
            if (!name.starts_with("blk.") || dot == std::string::npos) {
                continue;
            }
            const int number = std::atoi(name.c_str() + 4);
            const std::string own = name.substr(dot + 1);
            names[number].insert(own);
            if (number == count_ - 1) {
                last.push_back({own, i, isAttentionOutput(own) || isFeedForwardOutput(own)});
            }
        }
        for (const auto& [number, own] : names) {
            if (number >= count_ || own != names[count_ - 1]) {
                refuse("its layers differ from one another (layer " + std::to_string(number) + ")");
            }
        }
        return last;
    }

    void describe(int layers) {
        result_.reset(gguf_init_empty());
        gguf_set_kv(result_.get(), source_.file());
        gguf_set_val_u32(result_.get(), source_.key("block_count").c_str(), static_cast<uint32_t>(count_ + layers));
        const std::string description = std::to_string(count_) + " trained layers and " + std::to_string(layers) +
                                        " idle ones that add nothing but cost";
        gguf_set_val_str(result_.get(), "general.description", description.c_str());
        for (const Part& part : parts_) {
            const char* name = gguf_get_tensor_name(source_.file(), part.source);
            ggml_tensor tensor = *source_.tensor(name);
            ggml_set_name(&tensor, part.name.c_str());
            gguf_add_tensor(result_.get(), &tensor);
        }
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw EngineError("ERR_UNSUPPORTED_MODEL", path_ + " cannot be deepened: " + why + ". Give another model.");
    }

    const std::string path_;
    const GgufHeader source_;
    int count_ = 0; // layers of the source
    std::vector<Part> parts_;
    std::unique_ptr<gguf_context, GgufDeleter> result_;
};

} // namespace

void deepen(const std::string& input, const std::string& output, int layers) {
    const Deepening deepening(input, layers);
    replaceFile(input, output, [&](const std::string& partial) { deepening.write(partial, output); });
}

} // namespace specdecpp
