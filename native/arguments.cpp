#include "arguments.h"

#include "errors.h"

#include <cmath>
#include <limits>

namespace specdecpp {

namespace {

[[noreturn]] void expected(Napi::Env env, const std::string& what, const std::string& name) {
    throw makeError(env, "ERR_INVALID_ARGUMENT", "The native call expected " + what + " for " + name + ".");
}

std::string ordinal(size_t index) {
    return "argument " + std::to_string(index + 1);
}

int toInt(const Napi::Value& value, const std::string& name) {
    if (value.IsNumber()) {
        const double number = value.As<Napi::Number>().DoubleValue();
        if (std::trunc(number) == number && std::abs(number) <= std::numeric_limits<int>::max()) {
            return static_cast<int>(number);
        }
    }
    expected(value.Env(), "a 32-bit integer", name);
}

std::string toString(const Napi::Value& value, const std::string& name) {
    if (!value.IsString()) {
        expected(value.Env(), "a string", name);
    }
    return value.As<Napi::String>().Utf8Value();
}

bool toBool(const Napi::Value& value, const std::string& name) {
    if (!value.IsBoolean()) {
        expected(value.Env(), "a boolean", name);
    }
    return value.As<Napi::Boolean>().Value();
}

Napi::Array toArray(const Napi::Value& value, const std::string& name) {
    if (!value.IsArray()) {
        expected(value.Env(), "an array", name);
    }
    return value.As<Napi::Array>();
}

template <typename T> struct ArrayKind;
template <> struct ArrayKind<uint8_t> {
    static constexpr napi_typedarray_type type = napi_uint8_array;
    static constexpr const char* name = "a Uint8Array";
};
template <> struct ArrayKind<uint16_t> {
    static constexpr napi_typedarray_type type = napi_uint16_array;
    static constexpr const char* name = "a Uint16Array";
};
template <> struct ArrayKind<int32_t> {
    static constexpr napi_typedarray_type type = napi_int32_array;
    static constexpr const char* name = "an Int32Array";
};
template <> struct ArrayKind<float> {
    static constexpr napi_typedarray_type type = napi_float32_array;
    static constexpr const char* name = "a Float32Array";
};
template <> struct ArrayKind<double> {
    static constexpr napi_typedarray_type type = napi_float64_array;
    static constexpr const char* name = "a Float64Array";
};

template <typename T> std::span<const T> toSpan(const Napi::Value& value, const std::string& name) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != ArrayKind<T>::type) {
        expected(value.Env(), ArrayKind<T>::name, name);
    }
    const auto array = value.As<Napi::TypedArrayOf<T>>();
    return {array.Data(), array.ElementLength()};
}

} // namespace

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index) {
    if (!info[index].IsObject()) {
        expected(info.Env(), "an object", ordinal(index));
    }
    return info[index].As<Napi::Object>();
}

int intArgument(const Napi::CallbackInfo& info, size_t index) {
    return toInt(info[index], ordinal(index));
}

std::string stringArgument(const Napi::CallbackInfo& info, size_t index) {
    return toString(info[index], ordinal(index));
}

bool boolArgument(const Napi::CallbackInfo& info, size_t index) {
    return toBool(info[index], ordinal(index));
}

std::vector<Token> tokensArgument(const Napi::CallbackInfo& info, size_t index) {
    const std::span<const int32_t> tokens = arrayArgument<int32_t>(info, index);
    return {tokens.begin(), tokens.end()};
}

Napi::Object objectProperty(const Napi::Object& object, const char* name) {
    const Napi::Value value = object.Get(name);
    if (!value.IsObject()) {
        expected(object.Env(), "an object", name);
    }
    return value.As<Napi::Object>();
}

double numberProperty(const Napi::Object& object, const char* name) {
    const Napi::Value value = object.Get(name);
    if (!value.IsNumber() || std::isnan(value.As<Napi::Number>().DoubleValue())) {
        expected(object.Env(), "a number", name);
    }
    return value.As<Napi::Number>().DoubleValue();
}

int intProperty(const Napi::Object& object, const char* name) {
    return toInt(object.Get(name), name);
}

bool boolProperty(const Napi::Object& object, const char* name) {
    return toBool(object.Get(name), name);
}

std::string stringProperty(const Napi::Object& object, const char* name) {
    return toString(object.Get(name), name);
}

std::vector<std::string> stringsProperty(const Napi::Object& object, const char* name) {
    const Napi::Array array = toArray(object.Get(name), name);
    std::vector<std::string> strings;
    for (uint32_t i = 0; i < array.Length(); ++i) {
        strings.push_back(toString(array.Get(i), name));
    }
    return strings;
}

std::vector<std::pair<Token, float>> biasProperty(const Napi::Object& object, const char* name) {
    const Napi::Array array = toArray(object.Get(name), name);
    std::vector<std::pair<Token, float>> biases;
    for (uint32_t i = 0; i < array.Length(); ++i) {
        const Napi::Array pair = toArray(array.Get(i), name);
        const Napi::Value bias = pair.Get(1U);
        if (!bias.IsNumber() || std::isnan(bias.As<Napi::Number>().DoubleValue())) {
            expected(object.Env(), "pairs of a token and a number", name);
        }
        biases.emplace_back(toInt(pair.Get(0U), name), bias.As<Napi::Number>().FloatValue());
    }
    return biases;
}

template <typename T> std::span<const T> arrayArgument(const Napi::CallbackInfo& info, size_t index) {
    return toSpan<T>(info[index], ordinal(index));
}

template <typename T> std::span<const T> arrayProperty(const Napi::Object& object, const char* name) {
    return toSpan<T>(object.Get(name), name);
}

template std::span<const uint8_t> arrayArgument(const Napi::CallbackInfo& info, size_t index);
template std::span<const int32_t> arrayArgument(const Napi::CallbackInfo& info, size_t index);
template std::span<const double> arrayArgument(const Napi::CallbackInfo& info, size_t index);
template std::span<const float> arrayArgument(const Napi::CallbackInfo& info, size_t index);
template std::span<const uint8_t> arrayProperty(const Napi::Object& object, const char* name);
template std::span<const uint16_t> arrayProperty(const Napi::Object& object, const char* name);
template std::span<const int32_t> arrayProperty(const Napi::Object& object, const char* name);
template std::span<const float> arrayProperty(const Napi::Object& object, const char* name);

} // namespace specdecpp
