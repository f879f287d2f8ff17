#pragma once

#include "engine/acceptance-head.h"
#include "napi-setup.h"

#include <memory>
#include <string>

namespace specdecpp {

// The native class AcceptanceHead: a head's file to be loaded, then its scores. See lib/native/binding.ts.
class HeadWrap : public Napi::ObjectWrap<HeadWrap> {
public:
    static Napi::Function define(Napi::Env env);

    // The loaded head behind a JavaScript value, which must be one of ours (checked by type tag).
    static std::shared_ptr<const AcceptanceHead> unwrap(const Napi::Value& value);

    explicit HeadWrap(const Napi::CallbackInfo& info);

private:
    Napi::Value load(const Napi::CallbackInfo& info);
    Napi::Value scores(const Napi::CallbackInfo& info);
    void dispose(const Napi::CallbackInfo& info);

    const std::shared_ptr<const AcceptanceHead>& loaded(Napi::Env env) const;

    std::string path_;
    std::shared_ptr<const AcceptanceHead> head_;
};

// headScalars() of the addon.
Napi::Value headScalarsCall(const Napi::CallbackInfo& info);

} // namespace specdecpp
