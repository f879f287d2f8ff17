#include "head-metadata.h"

namespace specdecpp {

namespace {

template <typename T> double numberAt(const void* data, size_t i) {
    return static_cast<double>(static_cast<const T*>(data)[i]);
}

double numberOf(gguf_type type, const void* data, size_t i) {
    switch (type) {
    case GGUF_TYPE_UINT8:
        return numberAt<uint8_t>(data, i);
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
        return numberAt<int8_t>(data, i);
    case GGUF_TYPE_UINT16:
        return numberAt<uint16_t>(data, i);
    case GGUF_TYPE_INT16:
        return numberAt<int16_t>(data, i);
    case GGUF_TYPE_UINT32:
        return numberAt<uint32_t>(data, i);
    case GGUF_TYPE_INT32:
        return numberAt<int32_t>(data, i);
    case GGUF_TYPE_UINT64:
        return numberAt<uint64_t>(data, i);
    case GGUF_TYPE_INT64:
        return numberAt<int64_t>(data, i);
    case GGUF_TYPE_FLOAT32:
        return numberAt<float>(data, i);
    default:
        return numberAt<double>(data, i);
    }
}

HeadValue readArray(const gguf_context* file, int64_t id) {
    const size_t count = gguf_get_arr_n(file, id);
    if (gguf_get_arr_type(file, id) == GGUF_TYPE_STRING) {
        std::vector<std::string> texts;
        for (size_t i = 0; i < count; ++i) {
            texts.emplace_back(gguf_get_arr_str(file, id, i));
        }
        return texts;
    }
    std::vector<double> numbers;
    for (size_t i = 0; i < count; ++i) {
        numbers.push_back(numberOf(gguf_get_arr_type(file, id), gguf_get_arr_data(file, id), i));
    }
    return numbers;
}

} // namespace

HeadMetadata readMetadata(const gguf_context* file) {
    HeadMetadata metadata;
    for (int64_t id = 0; id < gguf_get_n_kv(file); ++id) {
        HeadValue& value = metadata[gguf_get_key(file, id)];
        switch (gguf_get_kv_type(file, id)) {
        case GGUF_TYPE_STRING:
            value = std::string(gguf_get_val_str(file, id));
            break;
        case GGUF_TYPE_BOOL:
            value = gguf_get_val_bool(file, id);
            break;
        case GGUF_TYPE_ARRAY:
            value = readArray(file, id);
            break;
        default:
            value = numberOf(gguf_get_kv_type(file, id), gguf_get_val_data(file, id), 0);
        }
    }
    return metadata;
}

void writeValue(gguf_context* file, const std::string& name, const HeadValue& value) {
    const char* key = name.c_str();
    if (const auto* number = std::get_if<double>(&value)) {
        gguf_set_val_f64(file, key, *number);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        gguf_set_val_bool(file, key, *flag);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        gguf_set_val_str(file, key, text->c_str());
    } else if (const auto* numbers = std::get_if<std::vector<double>>(&value)) {
        gguf_set_arr_data(file, key, GGUF_TYPE_FLOAT64, numbers->data(), numbers->size());
    } else {
        std::vector<const char*> pointers;
        for (const std::string& each : std::get<std::vector<std::string>>(value)) {
            pointers.push_back(each.c_str());
        }
        gguf_set_arr_str(file, key, pointers.data(), pointers.size());
    }
}

} // namespace specdecpp
