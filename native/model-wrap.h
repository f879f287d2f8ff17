#pragma once

#include "engine/model.h"
#include "napi-setup.h"

#include <memory>

namespace specdecpp {

// The native class Model: a file to be loaded, then its vocabulary. See lib/native/binding.ts.
class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
public:
    static Napi::Function define(Napi::Env env);

    // The loaded model behind a JavaScript value, which must be one of ours (checked by type tag).
    static std::shared_ptr<const Model> unwrap(const Napi::Value& value);

    explicit ModelWrap(const Napi::CallbackInfo& info);

private:
    Napi::Value load(const Napi::CallbackInfo& info);
    Napi::Value loadProgress(const Napi::CallbackInfo& info);
    void abortLoad(const Napi::CallbackInfo& info);
    Napi::Value tokenize(const Napi::CallbackInfo& info);
    Napi::Value piece(const Napi::CallbackInfo& info);
    Napi::Value metadata(const Napi::CallbackInfo& info);
    Napi::Value specialTexts(const Napi::CallbackInfo& info);
    void dispose(const Napi::CallbackInfo& info);

    const Model& loaded(Napi::Env env) const;

    ModelOptions options_;
    std::shared_ptr<LoadMonitor> monitor_ = std::make_shared<LoadMonitor>();
    std::shared_ptr<const Model> model_;
};

} // namespace specdecpp
