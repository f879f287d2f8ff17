#include "head-wrap.h"

#include "arguments.h"
#include "engine/head-features.h"
#include "errors.h"
#include "head-values.h"
#include "promise-worker.h"
#include "results.h"

#include <algorithm>
#include <numeric>

namespace specdecpp {

namespace {

constexpr napi_type_tag headTag = {0x51d8a7c40e9f4b36, 0xa2c7e0d915b84f63};

Napi::Array describeTensors(Napi::Env env, const HeadFile& file) {
    Napi::Array tensors = Napi::Array::New(env);
    for (const HeadFile::Tensor& each : file.tensors) {
        Napi::Array shape = Napi::Array::New(env);
        shape.Set(0U, each.tensor.rows);
        if (each.tensor.columns > 1) {
            shape.Set(1U, each.tensor.columns);
        }
        Napi::Object tensor = Napi::Object::New(env);
        tensor.Set("name", each.tensor.name);
        tensor.Set("type", ggml_type_name(each.type));
        tensor.Set("shape", shape);
        tensors.Set(tensors.Length(), tensor);
    }
    return tensors;
}

Napi::Value describe(Napi::Env env, const AcceptanceHead& head) {
    const HeadFile& file = head.file();
    const HeadShape& shape = head.shape();
    Napi::Object info = Napi::Object::New(env);
    info.Set("kind", shape.kind == HeadKind::paper ? "paper" : "full");
    info.Set("width", shape.width);
    info.Set("depth", shape.depth);
    info.Set("tied", shape.tied);
    info.Set("hidden", shape.hidden);
    info.Set("columns", toArray(env, shape.columns));
    info.Set("masks", toTypedArray<Napi::Uint8Array>(env, shape.masks));
    info.Set("type", file.type);
    info.Set("mean", toTypedArray<Napi::Float32Array>(env, file.scaling.mean));
    info.Set("deviation", toTypedArray<Napi::Float32Array>(env, file.scaling.deviation));
    info.Set("parameters", static_cast<double>(shape.parameters()));
    info.Set("sizeBytes", static_cast<double>(file.sizeBytes));
    info.Set("metadata", toObject(env, file.metadata));
    info.Set("tokens", toTypedArray<Napi::Float32Array>(env, file.tokens));
    info.Set("tensors", describeTensors(env, file));
    return info;
}

} // namespace

Napi::Function HeadWrap::define(Napi::Env env) {
    return DefineClass(env, "AcceptanceHead",
                       {
                           InstanceMethod("load", &HeadWrap::load),
                           InstanceMethod("scores", &HeadWrap::scores),
                           InstanceMethod("dispose", &HeadWrap::dispose),
                       });
}

std::shared_ptr<const AcceptanceHead> HeadWrap::unwrap(const Napi::Value& value) {
    const Napi::Env env = value.Env();
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&headTag)) {
        throw makeError(env, "ERR_INVALID_ARGUMENT", "The native call expected an AcceptanceHead.");
    }
    return Napi::ObjectWrap<HeadWrap>::Unwrap(value.As<Napi::Object>())->loaded(env);
}

HeadWrap::HeadWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<HeadWrap>(info) {
    info.This().As<Napi::Object>().TypeTag(&headTag);
    path_ = stringArgument(info, 0);
}

Napi::Value HeadWrap::load(const Napi::CallbackInfo& info) {
    using Loaded = std::shared_ptr<const AcceptanceHead>;
    return PromiseWorker<Loaded>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [path = path_] { return std::make_shared<const AcceptanceHead>(path); },
        [this](Napi::Env env, const Loaded& head) {
            head_ = head;
            return describe(env, *head);
        });
}

Napi::Value HeadWrap::scores(const Napi::CallbackInfo& info) {
    const std::shared_ptr<const AcceptanceHead> head = loaded(info.Env());
    OwnedExamples examples = copyInputs(objectArgument(info, 0), head->shape());
    const auto given = arrayArgument<int32_t>(info, 1);
    if (given.size() != examples.stateOf.size()) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT", "The native call expected a position for each example.");
    }
    std::vector<int32_t> drafted(given.begin(), given.end());
    return PromiseWorker<std::vector<float>>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [head, examples = std::move(examples), drafted = std::move(drafted)] {
            return head->scores(examples.view(), drafted);
        },
        giveNumbers);
}

void HeadWrap::dispose(const Napi::CallbackInfo& info) {
    head_.reset(); // sessions with it share it and keep it as long as they need
}

const std::shared_ptr<const AcceptanceHead>& HeadWrap::loaded(Napi::Env env) const {
    if (!head_) {
        throw makeError(env, "ERR_DISPOSED", "The head is not loaded, or has been disposed of.");
    }
    return head_;
}

Napi::Value headScalarsCall(const Napi::CallbackInfo& info) {
    const auto lengths = arrayArgument<uint8_t>(info, 0);
    const auto rows = arrayArgument<float>(info, 1);
    if (!info[2].IsNumber()) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT", "The native call expected a number for argument 3.");
    }
    const size_t count = std::accumulate(lengths.begin(), lengths.end(), size_t{0});
    if (rows.size() != 4 * count) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT", "The native call expected four numbers for each token.");
    }
    const size_t columns = HeadFeatures::names().size();
    Napi::Float32Array scalars = Napi::Float32Array::New(info.Env(), count * columns);
    HeadFeatures features;
    features.temperature = info[2].As<Napi::Number>().DoubleValue();
    const float* row = rows.data();
    float* to = scalars.Data();
    for (const uint8_t length : lengths) {
        for (features.drafted = 0; features.drafted < length; ++features.drafted, row += 4, to += columns) {
            features.shape = {row[1], row[2], row[3]};
            features.logProbability = row[0];
            features.write({to, columns});
            features.previous = {features.shape, features.logProbability};
        }
    }
    return scalars;
}

} // namespace specdecpp
