#pragma once

#include <gguf.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace specdecpp {

// A key's value in a head file. Numbers of all types are read; those written are doubles.
using HeadValue = std::variant<double, bool, std::string, std::vector<double>, std::vector<std::string>>;
using HeadMetadata = std::map<std::string, HeadValue>;

HeadMetadata readMetadata(const gguf_context* file);
void writeValue(gguf_context* file, const std::string& key, const HeadValue& value);

// What a key holds; nothing if it is not there or of another type.
template <typename T> std::optional<T> valueAt(const HeadMetadata& metadata, const std::string& key) {
    const auto found = metadata.find(key);
    const T* value = found == metadata.end() ? nullptr : std::get_if<T>(&found->second);
    return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

} // namespace specdecpp
