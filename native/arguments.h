#pragma once

#include "engine/vocabulary.h"
#include "napi-setup.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace specdecpp {

// Readers of one argument or property. They check its kind, not its meaning, which lib/options.ts
// has checked. Each throws ERR_INVALID_ARGUMENT naming what was expected.

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index);
int intArgument(const Napi::CallbackInfo& info, size_t index);
std::string stringArgument(const Napi::CallbackInfo& info, size_t index);
bool boolArgument(const Napi::CallbackInfo& info, size_t index);
std::vector<Token> tokensArgument(const Napi::CallbackInfo& info, size_t index); // an Int32Array

Napi::Object objectProperty(const Napi::Object& object, const char* name);
double numberProperty(const Napi::Object& object, const char* name); // finite or infinite, not NaN
int intProperty(const Napi::Object& object, const char* name);
bool boolProperty(const Napi::Object& object, const char* name);
std::string stringProperty(const Napi::Object& object, const char* name);
std::vector<std::string> stringsProperty(const Napi::Object& object, const char* name);
// An array of [token, bias].
std::vector<std::pair<Token, float>> biasProperty(const Napi::Object& object, const char* name);

// A view of a typed array, valid until JavaScript runs again. T: uint8_t, uint16_t, int32_t, float, double.
template <typename T> std::span<const T> arrayArgument(const Napi::CallbackInfo& info, size_t index);
template <typename T> std::span<const T> arrayProperty(const Napi::Object& object, const char* name);

} // namespace specdecpp
