#include "model-wrap.h"

#include "arguments.h"
#include "errors.h"
#include "promise-worker.h"
#include "results.h"

namespace specdecpp {

namespace {

// Random, so that an object of another addon, or of another copy of this one, is recognized.
constexpr napi_type_tag modelTag = {0x6f1c27d3a8e94b05, 0x9d42c0b7715e3fa8};

Napi::Object describe(Napi::Env env, const Model& model) {
    Napi::Object info = Napi::Object::New(env);
    const auto set = [&](const char* name, double value) { info.Set(name, Napi::Number::New(env, value)); };
    info.Set("architecture", Napi::String::New(env, model.architecture()));
    info.Set("description", Napi::String::New(env, model.description()));
    info.Set("usesGpu", Napi::Boolean::New(env, model.usesGpu()));
    set("vocabularySize", model.vocabulary().size());
    set("trainedContextSize", llama_model_n_ctx_train(model.get()));
    set("layers", llama_model_n_layer(model.get()));
    set("parameters", static_cast<double>(llama_model_n_params(model.get())));
    set("cacheWidthK", static_cast<double>(model.cacheWidthK()));
    set("cacheWidthV", static_cast<double>(model.cacheWidthV()));
    set("stateWidth", llama_model_n_embd_out(model.get()));
    set("sizeBytes", static_cast<double>(llama_model_size(model.get())));
    return info;
}

} // namespace

Napi::Function ModelWrap::define(Napi::Env env) {
    return DefineClass(env, "Model",
                       {
                           InstanceMethod("load", &ModelWrap::load),
                           InstanceMethod("loadProgress", &ModelWrap::loadProgress),
                           InstanceMethod("abortLoad", &ModelWrap::abortLoad),
                           InstanceMethod("tokenize", &ModelWrap::tokenize),
                           InstanceMethod("piece", &ModelWrap::piece),
                           InstanceMethod("metadata", &ModelWrap::metadata),
                           InstanceMethod("specialTexts", &ModelWrap::specialTexts),
                           InstanceMethod("dispose", &ModelWrap::dispose),
                       });
}

std::shared_ptr<const Model> ModelWrap::unwrap(const Napi::Value& value) {
    const Napi::Env env = value.Env();
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&modelTag)) {
        throw makeError(env, "ERR_INVALID_ARGUMENT", "The native call expected a Model.");
    }
    const ModelWrap* wrap = Napi::ObjectWrap<ModelWrap>::Unwrap(value.As<Napi::Object>());
    wrap->loaded(env);
    return wrap->model_;
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
    info.This().As<Napi::Object>().TypeTag(&modelTag);
    const Napi::Object options = objectArgument(info, 0);
    options_.path = stringProperty(options, "path");
    options_.gpuLayers = intProperty(options, "gpuLayers");
    options_.devices = stringsProperty(options, "devices");
    options_.mmap = boolProperty(options, "mmap");
    options_.mlock = boolProperty(options, "mlock");
}

Napi::Value ModelWrap::load(const Napi::CallbackInfo& info) {
    return PromiseWorker<std::shared_ptr<const Model>>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [options = options_, monitor = monitor_] { return std::make_shared<const Model>(options, *monitor); },
        [this](Napi::Env env, const std::shared_ptr<const Model>& model) -> Napi::Value {
            model_ = model;
            return describe(env, *model);
        });
}

Napi::Value ModelWrap::loadProgress(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), monitor_->progress);
}

void ModelWrap::abortLoad(const Napi::CallbackInfo& info) {
    monitor_->abort = true;
}

Napi::Value ModelWrap::tokenize(const Napi::CallbackInfo& info) {
    const Model& model = loaded(info.Env());
    return translated(info.Env(), [&] {
        return toTypedArray<Napi::Int32Array>(
            info.Env(),
            model.vocabulary().tokenize(stringArgument(info, 0), boolArgument(info, 1), boolArgument(info, 2)));
    });
}

Napi::Value ModelWrap::piece(const Napi::CallbackInfo& info) {
    const Model& model = loaded(info.Env());
    const int token = intArgument(info, 0);
    if (!model.vocabulary().contains(token)) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT",
                        "There is no token " + std::to_string(token) + " in a vocabulary of " +
                            std::to_string(model.vocabulary().size()) + ".");
    }
    const std::string bytes = model.vocabulary().piece(token);
    return Napi::Buffer<char>::Copy(info.Env(), bytes.data(), bytes.size());
}

Napi::Value ModelWrap::metadata(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), loaded(info.Env()).metadata(stringArgument(info, 0)));
}

Napi::Value ModelWrap::specialTexts(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Vocabulary& vocabulary = loaded(env).vocabulary();
    Napi::Object object = Napi::Object::New(env);
    object.Set("begin", Napi::String::New(env, vocabulary.beginText()));
    object.Set("end", Napi::String::New(env, vocabulary.endText()));
    object.Set("control", toArray(env, vocabulary.controlTexts()));
    return object;
}

void ModelWrap::dispose(const Napi::CallbackInfo& info) {
    model_.reset(); // sessions on it share it and keep it as long as they need
}

const Model& ModelWrap::loaded(Napi::Env env) const {
    if (!model_) {
        throw makeError(env, "ERR_DISPOSED", "The model is not loaded, or has been disposed of.");
    }
    return *model_;
}

} // namespace specdecpp
