#include "gguf-header.h"

#include "error.h"
#include "log.h"

#include <cmath>
#include <set>

namespace specdecpp {

namespace {

constexpr int maxExperts = 512; // llama.cpp's LLAMA_MAX_EXPERTS

std::string shown(double number) {
    std::string text = std::to_string(number);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
        text.pop_back();
    }
    return text;
}

} // namespace

GgufHeader::GgufHeader(const std::string& path) : path_(path) {
    installLog();
    const LogCapture log;
    ggml_context* tensors = nullptr;
    file_.reset(gguf_init_from_file(path.c_str(), {/*no_alloc =*/true, &tensors}));
    tensors_.reset(tensors);
    if (!file_) {
        throw EngineError("ERR_MODEL_LOAD", path + " is not a readable GGUF file: " + log.reason() +
                                                ". Check the path, and that the download is complete.");
    }
}

void GgufHeader::check() const {
    const double layers = number(key("block_count")).value_or(1);
    if (!(layers >= 1 && layers <= maxLayers)) {
        refuse("it has " + shown(layers) + " layers (" + key("block_count") + "), and llama.cpp takes 1 to " +
               std::to_string(maxLayers));
    }
    if (number(key("nextn_predict_layers")).value_or(0) > layers) {
        refuse("it has more layers for later tokens (" + key("nextn_predict_layers") + ") than layers");
    }
    checkExperts();
    const std::string scaling = string(key("rope.scaling.type")).value_or("none");
    if (!std::set<std::string>{"none", "linear", "yarn", "longrope"}.contains(scaling)) {
        refuse("its rotary positions are scaled by an unknown method, \"" + scaling + "\"");
    }
    for (int64_t i = 0; i < gguf_get_n_kv(file()); ++i) {
        const std::string name = gguf_get_key(file(), i);
        if (!name.ends_with("epsilon")) {
            continue;
        }
        const double epsilon = number(name).value_or(0);
        if (!(std::isfinite(epsilon) && epsilon >= 0)) {
            refuse(name + " is " + shown(epsilon) + ", and must be a number, 0 or more");
        }
    }
    for (int64_t i = 0; i < gguf_get_n_tensors(file()); ++i) {
        const std::string name = gguf_get_tensor_name(file(), i);
        const ggml_type type = gguf_get_tensor_type(file(), i);
        if (name.ends_with("norm.weight") && type != GGML_TYPE_F32) {
            refuse("the type of " + name + " is " + ggml_type_name(type) + ", and must be f32");
        }
    }
}

void GgufHeader::checkExperts() const {
    const double experts = number(key("expert_count")).value_or(0);
    const double used = number(key("expert_used_count")).value_or(0); // or an array, one for each layer
    const double groups = number(key("expert_group_count")).value_or(0);
    const double usedGroups = number(key("expert_group_used_count")).value_or(0);
    const bool grouped = groups > 1;
    if (experts > maxExperts || used > experts || (experts > 0 && groups >= experts) ||
        (grouped && (std::fmod(experts, groups) != 0 || !(usedGroups > 0 && usedGroups < groups)))) {
        refuse("its numbers of experts (" + key("expert_count") + " and others) do not fit together");
    }
}

std::optional<double> GgufHeader::number(const std::string& name) const {
    const int64_t id = gguf_find_key(file(), name.c_str());
    if (id < 0) {
        return std::nullopt;
    }
    switch (gguf_get_kv_type(file(), id)) {
    case GGUF_TYPE_UINT8:
        return gguf_get_val_u8(file(), id);
    case GGUF_TYPE_INT8:
        return gguf_get_val_i8(file(), id);
    case GGUF_TYPE_UINT16:
        return gguf_get_val_u16(file(), id);
    case GGUF_TYPE_INT16:
        return gguf_get_val_i16(file(), id);
    case GGUF_TYPE_UINT32:
        return gguf_get_val_u32(file(), id);
    case GGUF_TYPE_INT32:
        return gguf_get_val_i32(file(), id);
    case GGUF_TYPE_UINT64:
        return static_cast<double>(gguf_get_val_u64(file(), id));
    case GGUF_TYPE_INT64:
        return static_cast<double>(gguf_get_val_i64(file(), id));
    case GGUF_TYPE_FLOAT32:
        return gguf_get_val_f32(file(), id);
    case GGUF_TYPE_FLOAT64:
        return gguf_get_val_f64(file(), id);
    default:
        return std::nullopt;
    }
}

std::optional<std::string> GgufHeader::string(const std::string& name) const {
    const int64_t id = gguf_find_key(file(), name.c_str());
    if (id < 0 || gguf_get_kv_type(file(), id) != GGUF_TYPE_STRING) {
        return std::nullopt;
    }
    return gguf_get_val_str(file(), id);
}

std::optional<bool> GgufHeader::boolean(const std::string& name) const {
    const int64_t id = gguf_find_key(file(), name.c_str());
    if (id < 0 || gguf_get_kv_type(file(), id) != GGUF_TYPE_BOOL) {
        return std::nullopt;
    }
    return gguf_get_val_bool(file(), id);
}

void GgufHeader::refuse(const std::string& why) const {
    throw EngineError("ERR_MODEL_LOAD", path_ + " is damaged or of an unknown kind: " + why + ". Fetch it again.");
}

} // namespace specdecpp
