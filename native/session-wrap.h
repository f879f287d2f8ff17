#pragma once

#include "engine/session.h"
#include "napi-setup.h"

#include <functional>
#include <memory>

namespace specdecpp {

// The native class Session: the contexts of a target and its draft, and the text they work on. One
// call at a time: while a promise is pending, every method but abort() throws ERR_BUSY. See
// lib/native/binding.ts.
class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
public:
    static Napi::Function define(Napi::Env env);

    explicit SessionWrap(const Napi::CallbackInfo& info);

private:
    Napi::Value open(const Napi::CallbackInfo& info);
    Napi::Value begin(const Napi::CallbackInfo& info);
    Napi::Value prefill(const Napi::CallbackInfo& info);
    Napi::Value round(const Napi::CallbackInfo& info);
    Napi::Value draft(const Napi::CallbackInfo& info);
    Napi::Value verify(const Napi::CallbackInfo& info);
    Napi::Value states(const Napi::CallbackInfo& info);
    Napi::Value walk(const Napi::CallbackInfo& info);
    Napi::Value statesOf(const Napi::CallbackInfo& info);
    void rollBack(const Napi::CallbackInfo& info);
    Napi::Value state(const Napi::CallbackInfo& info);
    void abort(const Napi::CallbackInfo& info);
    void dispose(const Napi::CallbackInfo& info);

    RoundOptions nextRound(const Napi::CallbackInfo& info) const;

    Session& idle(Napi::Env env);
    void checkIdle(Napi::Env env) const;
    void checkTokens(Napi::Env env, const std::vector<Token>& tokens) const;

    // Runs `work` off the JavaScript thread, with the session marked busy meanwhile.
    template <typename T>
    Napi::Value run(const Napi::CallbackInfo& info, std::function<T()> work,
                    std::function<Napi::Value(Napi::Env, const T&)> result);
    Napi::Value runRound(const Napi::CallbackInfo& info, std::function<Round()> work);

    std::shared_ptr<const Model> target_;
    std::shared_ptr<const Model> draft_;
    SessionOptions options_;
    std::unique_ptr<Session> session_;
    States states_;       // of the last round
    RoundOptions rounds_; // what is the same for all rounds of the text
    bool busy_ = false;
};

} // namespace specdecpp
