// The addon's entry: what it exports. There is no state of an environment here; what lives longer
// than one is llama.cpp's own (its backends and its log, engine/backend.h and engine/log.h).

#include "arguments.h"
#include "engine/backend.h"
#include "engine/deepen.h"
#include "engine/head-features.h"
#include "engine/quantize.h"
#include "engine/token-embeddings.h"
#include "errors.h"
#include "head-trainer-wrap.h"
#include "head-wrap.h"
#include "model-wrap.h"
#include "promise-worker.h"
#include "results.h"
#include "session-wrap.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace specdecpp {

namespace {

// Node unloads an addon with the last worker thread that used it. llama.cpp keeps pointers into it
// (the log callback), so it has to stay.
void stayLoaded() {
#ifndef _WIN32
    Dl_info self;
    if (dladdr(reinterpret_cast<void*>(&stayLoaded), &self) != 0) {
        dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
#endif
}

void loadBackendsCall(const Napi::CallbackInfo& info) {
    const std::string directory = stringArgument(info, 0);
    translated(info.Env(), [&] { loadBackends(directory); });
}

Napi::Value loadModuleCall(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), loadModule(stringArgument(info, 0)));
}

Napi::Value devicesCall(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Array list = Napi::Array::New(env);
    for (const DeviceInfo& device : listDevices()) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("name", device.name);
        object.Set("description", device.description);
        object.Set("type", device.type);
        object.Set("memoryFreeBytes", static_cast<double>(device.memoryFreeBytes));
        object.Set("memoryTotalBytes", static_cast<double>(device.memoryTotalBytes));
        list.Set(list.Length(), object);
    }
    return list;
}

// A file of a model made from another: work that returns nothing.
Napi::Value writeFile(const Napi::CallbackInfo& info, std::function<void()> write) {
    return PromiseWorker<bool>::run(
        info.Env(), Napi::Object::New(info.Env()),
        [write = std::move(write)] {
            write();
            return true;
        },
        [](Napi::Env env, const bool&) { return env.Undefined(); });
}

Napi::Value deepenCall(const Napi::CallbackInfo& info) {
    return writeFile(info, [input = stringArgument(info, 0), output = stringArgument(info, 1),
                            layers = intArgument(info, 2)] { deepen(input, output, layers); });
}

Napi::Value quantizeCall(const Napi::CallbackInfo& info) {
    return writeFile(info,
                     [input = stringArgument(info, 0), output = stringArgument(info, 1), type = stringArgument(info, 2),
                      threads = intArgument(info, 3)] { quantize(input, output, type, threads); });
}

Napi::Value tokenEmbeddingsCall(const Napi::CallbackInfo& info) {
    return PromiseWorker<TokenEmbeddings>::run(
        info.Env(), Napi::Object::New(info.Env()),
        [path = stringArgument(info, 0), tokens = tokensArgument(info, 1)] { return tokenEmbeddings(path, tokens); },
        [](Napi::Env env, const TokenEmbeddings& embeddings) -> Napi::Value {
            Napi::Object object = Napi::Object::New(env);
            object.Set("width", embeddings.width);
            object.Set("vocabularySize", embeddings.vocabularySize);
            object.Set("numbers", toTypedArray<Napi::Float32Array>(env, embeddings.numbers));
            return object;
        });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
    if (loadedRelease() != SPECDECPP_LLAMA_RELEASE) {
        throw makeError(env, "ERR_RELEASE_MISMATCH",
                        "The addon was built for llama.cpp " SPECDECPP_LLAMA_RELEASE ", but the library it found is " +
                            loadedRelease() + ". Build it again with `npx specdecpp build`.");
    }
    stayLoaded();
    exports.Set("release", SPECDECPP_LLAMA_RELEASE);
    exports.Set("loadBackends", Napi::Function::New(env, loadBackendsCall));
    exports.Set("loadModule", Napi::Function::New(env, loadModuleCall));
    exports.Set("devices", Napi::Function::New(env, devicesCall));
    exports.Set("deepen", Napi::Function::New(env, deepenCall));
    exports.Set("quantize", Napi::Function::New(env, quantizeCall));
    exports.Set("Model", ModelWrap::define(env));
    exports.Set("Session", SessionWrap::define(env));
    exports.Set("HeadTrainer", HeadTrainerWrap::define(env));
    exports.Set("AcceptanceHead", HeadWrap::define(env));
    exports.Set("headColumns", toArray(env, HeadFeatures::names()));
    exports.Set("tokenEmbeddings", Napi::Function::New(env, tokenEmbeddingsCall));
    exports.Set("headScalars", Napi::Function::New(env, headScalarsCall));
    return exports;
}

} // namespace

NODE_API_MODULE(specdecpp, initialize)

} // namespace specdecpp
