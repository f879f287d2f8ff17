#pragma once

#include "engine/head-metadata.h"
#include "engine/head-network.h"
#include "engine/head-shape.h"
#include "napi-setup.h"

#include <cstdint>
#include <span>
#include <vector>

namespace specdecpp {

// What heads and their trainers take from JavaScript and give back (lib/native/binding.ts).

HeadShape headShapeProperty(const Napi::Object& object, const char* name);

// Copies of examples, each with its own state, in the order of the call.
struct OwnedExamples {
    std::vector<ggml_fp16_t> states;
    std::vector<int32_t> stateOf;
    std::vector<float> scalars;
    std::vector<float> labels; // if wanted

    HeadExamples view() const { return {states, stateOf, scalars, labels}; }
};

// All of the given, or those that `order` names. Throws ERR_INVALID_ARGUMENT for sizes that do not fit together.
OwnedExamples copyInputs(const Napi::Object& inputs, const HeadShape& shape);
OwnedExamples copyExamples(const Napi::Object& examples, const HeadShape& shape, std::span<const int32_t> order);

HeadMetadata metadataArgument(const Napi::CallbackInfo& info, size_t index);
Napi::Object toObject(Napi::Env env, const HeadMetadata& metadata);

// What a promise of numbers resolves to.
Napi::Value giveNumbers(Napi::Env env, const std::vector<float>& numbers);

} // namespace specdecpp
