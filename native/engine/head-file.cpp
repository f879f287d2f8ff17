#include "head-file.h"

#include "error.h"
#include "file-writing.h"
#include "gguf-header.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

namespace specdecpp {

namespace {

const char* const architecture = "specdecpp-head";
constexpr double formatVersion = 1;

const std::string prefix = "specdecpp.head.";

const char* const tokensName = "tokens.weight";

// What a file says of the head's shape, so that no other metadata may.
const char* const ownKeys[] = {"version", "kind",  "width", "depth",     "tied", "hidden",
                               "columns", "masks", "mean",  "deviation", "type"};

const std::map<std::string, ggml_type>& matrixTypes() {
    static const std::map<std::string, ggml_type> types = {
        {"f32", GGML_TYPE_F32}, {"f16", GGML_TYPE_F16}, {"q8_0", GGML_TYPE_Q8_0}};
    return types;
}

bool readsStates(const HeadTensor& tensor, const HeadShape& shape) {
    return tensor.isMatrix && tensor.columns == shape.width &&
           (tensor.name.starts_with("blk.") || tensor.name == "state.weight" || shape.kind == HeadKind::paper);
}

template <typename To, typename From> std::vector<To> converted(const std::vector<From>& from) {
    return std::vector<To>(from.begin(), from.end());
}

bool areFinite(std::span<const float> numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](float number) { return std::isfinite(number); });
}

HeadMetadata describe(const HeadShape& shape, const HeadScaling& scaling, const std::string& type) {
    HeadMetadata metadata;
    metadata["general.architecture"] = std::string(architecture);
    const auto set = [&](const char* name, HeadValue value) { metadata[prefix + name] = std::move(value); };
    set("version", formatVersion);
    set("kind", std::string(shape.kind == HeadKind::paper ? "paper" : "full"));
    set("width", static_cast<double>(shape.width));
    set("depth", static_cast<double>(shape.depth));
    set("tied", shape.tied);
    set("hidden", static_cast<double>(shape.hidden));
    set("columns", shape.columns);
    set("masks", converted<double>(shape.masks));
    set("mean", converted<double>(scaling.mean));
    set("deviation", converted<double>(scaling.deviation));
    set("type", type);
    return metadata;
}

// Reads a head's file; every failure says what is wrong with it.
class Reading {
public:
    explicit Reading(const std::string& path) : path_(path), header_(path), metadata_(readMetadata(header_.file())) {}

    HeadFile read() {
        if (header_.architecture() != architecture) {
            throw EngineError("ERR_MODEL_LOAD",
                              path_ + " is no acceptance prediction head, but of the architecture \"" +
                                  header_.architecture() + "\". Give a file that `specdecpp train` has written.");
        }
        if (number("version") != formatVersion) {
            refuse("its format is of another version of this package");
        }
        HeadFile file;
        file.path = path_;
        file.shape = shape();
        file.scaling = {converted<float>(value<std::vector<double>>("mean")),
                        converted<float>(value<std::vector<double>>("deviation"))};
        try {
            file.shape.check();
            file.scaling.check(file.shape);
            file.calibration = calibrationFrom(metadata_, file.shape.outputs());
        } catch (const EngineError& error) {
            refuse(error.what());
        }
        file.type = value<std::string>("type");
        file.metadata = metadata_;
        file.sizeBytes = std::filesystem::file_size(path_);
        const std::vector<HeadTensor> expected = file.shape.tensors();
        const size_t count = expected.size() + (file.shape.tokenColumns() > 0 ? 1 : 0);
        if (gguf_get_n_tensors(header_.file()) != static_cast<int64_t>(count)) {
            refuse("it has " + std::to_string(gguf_get_n_tensors(header_.file())) + " tensors instead of " +
                   std::to_string(count));
        }
        std::ifstream in(path_, std::ios::binary);
        for (const HeadTensor& tensor : expected) {
            file.tensors.push_back(readTensor(in, tensor, file));
        }
        if (file.shape.tokenColumns() > 0) {
            file.tokens = readTokens(in, file);
        }
        return file;
    }

private:
    HeadShape shape() const {
        HeadShape shape;
        const std::string kind = value<std::string>("kind");
        if (kind != "paper" && kind != "full") {
            refuse("its kind is \"" + kind + "\", and must be \"paper\" or \"full\"");
        }
        shape.kind = kind == "paper" ? HeadKind::paper : HeadKind::full;
        shape.width = whole("width");
        shape.depth = whole("depth");
        shape.hidden = whole("hidden");
        shape.tied = value<bool>("tied");
        shape.columns = value<std::vector<std::string>>("columns");
        for (const double mask : value<std::vector<double>>("masks")) {
            shape.masks.push_back(mask == 0 ? 0 : mask == 1 ? 1 : 2); // 2: none
        }
        return shape;
    }

    std::vector<float> readTokens(std::ifstream& in, const HeadFile& file) const {
        const ggml_tensor* found = find(tokensName);
        if (found->ne[0] != file.shape.tokenColumns() || ggml_n_dims(found) > 2 || found->type != GGML_TYPE_F16) {
            refuse("the tensor " + std::string(tokensName) + " has another size or type than its columns say");
        }
        const HeadTensor tensor{tokensName, static_cast<int>(found->ne[1]), static_cast<int>(found->ne[0]), 0, true};
        return readData(in, tensor, found->type, file).numbers();
    }

    const ggml_tensor* find(const std::string& name) const {
        const ggml_tensor* found = header_.tensor(name);
        if (found == nullptr) {
            refuse("it has no tensor " + name);
        }
        return found;
    }

    HeadFile::Tensor readTensor(std::ifstream& in, const HeadTensor& tensor, const HeadFile& file) const {
        const ggml_tensor* found = find(tensor.name);
        if (found->ne[0] * found->ne[1] != static_cast<int64_t>(tensor.size()) || ggml_n_dims(found) > 2 ||
            (tensor.columns > 1 && found->ne[0] != tensor.columns)) {
            refuse("the tensor " + tensor.name + " has another size than a head with " + file.shape.description());
        }
        const auto type = matrixTypes().find(readsStates(tensor, file.shape) ? file.type : "f32");
        if (type == matrixTypes().end() || found->type != type->second) {
            refuse("the type of " + tensor.name + " is " + ggml_type_name(found->type) + ", which it cannot be");
        }
        return readData(in, tensor, found->type, file);
    }

    HeadFile::Tensor readData(std::ifstream& in, const HeadTensor& tensor, ggml_type type, const HeadFile& file) const {
        const int64_t id = gguf_find_tensor(header_.file(), tensor.name.c_str());
        const size_t size = gguf_get_tensor_size(header_.file(), id);
        const uint64_t begin = gguf_get_data_offset(header_.file()) + gguf_get_tensor_offset(header_.file(), id);
        if (begin + size > file.sizeBytes) {
            throw EngineError("ERR_MODEL_LOAD", path_ + " ends before its data does. Fetch it again.");
        }
        HeadFile::Tensor result{tensor, type, std::vector<std::byte>(size)};
        in.seekg(static_cast<std::streamoff>(begin));
        in.read(reinterpret_cast<char*>(result.data.data()), static_cast<std::streamsize>(size));
        if (!in) {
            throw EngineError("ERR_MODEL_LOAD", path_ + " cannot be read to its end. Fetch it again.");
        }
        if (!areFinite(result.numbers())) {
            refuse("not all of " + tensor.name + " are numbers");
        }
        return result;
    }

    template <typename T> T value(const char* name) const {
        const auto found = valueAt<T>(metadata_, prefix + name);
        if (!found) {
            refuse("it does not say its " + std::string(name));
        }
        return *found;
    }

    double number(const char* name) const { return value<double>(name); }

    int whole(const char* name) const {
        const double number = value<double>(name);
        if (!(number >= 0 && number < 1e9 && std::trunc(number) == number)) {
            refuse("its " + std::string(name) + " is no whole number");
        }
        return static_cast<int>(number);
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw EngineError("ERR_MODEL_LOAD", path_ + " is damaged or of an unknown kind: " + why + ". Fetch it again.");
    }

    std::string path_;
    GgufHeader header_;
    HeadMetadata metadata_;
};

std::vector<std::byte> encoded(const HeadTensor& tensor, ggml_type type, const float* numbers) {
    std::vector<std::byte> data(ggml_row_size(type, tensor.columns) * static_cast<size_t>(tensor.rows));
    const auto size = static_cast<int64_t>(tensor.size());
    if (type == GGML_TYPE_F32) {
        std::memcpy(data.data(), numbers, data.size());
    } else if (type == GGML_TYPE_F16) {
        ggml_fp32_to_fp16_row(numbers, reinterpret_cast<ggml_fp16_t*>(data.data()), size);
    } else {
        ggml_quantize_chunk(type, numbers, data.data(), 0, tensor.rows, tensor.columns, nullptr);
    }
    return data;
}

void checkWritten(const HeadShape& shape, const HeadMetadata& metadata, const std::string& type) {
    const auto refuse = [](const std::string& why) { throw EngineError("ERR_INVALID_ARGUMENT", why); };
    const auto found = matrixTypes().find(type);
    if (found == matrixTypes().end()) {
        refuse("type must be f32, f16 or q8_0, but is \"" + type + "\".");
    }
    const int64_t block = ggml_blck_size(found->second);
    if (shape.width % block != 0) {
        refuse("A head can be of type " + type + " where the width of states divides by " + std::to_string(block) +
               ", but it is " + std::to_string(shape.width) + ". Use f16.");
    }
    for (const auto& [key, value] : metadata) {
        const bool own =
            std::any_of(std::begin(ownKeys), std::end(ownKeys), [&](const char* name) { return key == prefix + name; });
        // The alignment would have to fit how the file is laid out.
        if (key.empty() || own || key == "general.architecture" || key == "general.alignment") {
            refuse("A head's metadata cannot have the key \"" + key + "\".");
        }
    }
    calibrationFrom(metadata, shape.outputs());
}

} // namespace

std::vector<float> HeadFile::Tensor::numbers() const {
    std::vector<float> numbers(tensor.size());
    if (type == GGML_TYPE_F32) {
        std::memcpy(numbers.data(), data.data(), data.size());
    } else {
        ggml_get_type_traits(type)->to_float(data.data(), numbers.data(), static_cast<int64_t>(numbers.size()));
    }
    return numbers;
}

std::vector<float> HeadFile::parameters() const {
    std::vector<float> all;
    for (const Tensor& tensor : tensors) {
        const std::vector<float> numbers = tensor.numbers();
        all.insert(all.end(), numbers.begin(), numbers.end());
    }
    return all;
}

HeadFile readHead(const std::string& path) {
    return Reading(path).read();
}

void writeHead(const std::string& path, const HeadShape& shape, const HeadScaling& scaling,
               std::span<const float> parameters, const HeadMetadata& metadata, const std::string& type,
               std::span<const float> tokens) {
    checkWritten(shape, metadata, type);
    const int tokenColumns = shape.tokenColumns();
    if (tokenColumns == 0 ? !tokens.empty() : tokens.empty() || tokens.size() % tokenColumns != 0) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "A head's table of tokens must have rows of " + std::to_string(tokenColumns) +
                              " numbers, as its columns say, but has " + std::to_string(tokens.size()) + " in all.");
    }
    if (!areFinite(parameters) || !areFinite(tokens)) {
        throw EngineError("ERR_INVALID_ARGUMENT", "Not all of the head's weights are numbers: its training has gone "
                                                  "astray. Train with lower learning rates.");
    }
    const std::unique_ptr<gguf_context, GgufDeleter> file(gguf_init_empty());
    HeadMetadata all = describe(shape, scaling, type);
    all.insert(metadata.begin(), metadata.end());
    for (const auto& [key, value] : all) {
        writeValue(file.get(), key, value);
    }
    std::vector<std::vector<std::byte>> data;
    const auto add = [&](const HeadTensor& tensor, ggml_type type_, const float* numbers) {
        data.push_back(encoded(tensor, type_, numbers));
        const std::unique_ptr<ggml_context, decltype(&ggml_free)> context(
            ggml_init({ggml_tensor_overhead(), nullptr, /*no_alloc =*/true}), ggml_free);
        ggml_tensor* described = tensor.columns == 1
                                     ? ggml_new_tensor_1d(context.get(), type_, tensor.rows)
                                     : ggml_new_tensor_2d(context.get(), type_, tensor.columns, tensor.rows);
        ggml_set_name(described, tensor.name.c_str());
        gguf_add_tensor(file.get(), described); // a copy of it
    };
    for (const HeadTensor& tensor : shape.tensors()) {
        add(tensor, readsStates(tensor, shape) ? matrixTypes().at(type) : GGML_TYPE_F32,
            parameters.data() + tensor.offset);
    }
    if (tokenColumns > 0) {
        add({tokensName, static_cast<int>(tokens.size() / tokenColumns), tokenColumns, 0, true}, GGML_TYPE_F16,
            tokens.data());
    }
    std::vector<char> header(gguf_get_meta_size(file.get()));
    gguf_get_meta_data(file.get(), header.data());
    replaceFile("", path, [&](const std::string& partial) {
        std::ofstream out(partial, std::ios::binary);
        out.write(header.data(), static_cast<std::streamsize>(header.size()));
        for (std::vector<std::byte>& tensor : data) {
            tensor.resize(GGML_PAD(tensor.size(), gguf_get_alignment(file.get())));
            out.write(reinterpret_cast<const char*>(tensor.data()), static_cast<std::streamsize>(tensor.size()));
        }
        out.close();
        if (!out) {
            throw EngineError("ERR_WRITE", "Cannot write " + path + ": " + std::strerror(errno) +
                                               ". Check the folder, its permissions and the space that is left.");
        }
    });
}

} // namespace specdecpp
