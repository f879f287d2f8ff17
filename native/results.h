#pragma once

#include "napi-setup.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace specdecpp {

// What goes back to JavaScript is a copy.

template <typename Array, typename Number> Array toTypedArray(Napi::Env env, const std::vector<Number>& numbers) {
    Array array = Array::New(env, numbers.size());
    std::copy(numbers.begin(), numbers.end(), array.Data());
    return array;
}

inline Napi::Array toArray(Napi::Env env, const std::vector<std::string>& texts) {
    Napi::Array array = Napi::Array::New(env, texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
        array.Set(static_cast<uint32_t>(i), texts[i]);
    }
    return array;
}

} // namespace specdecpp
