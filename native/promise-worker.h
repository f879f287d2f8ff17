#pragma once

#include "errors.h"
#include "napi-setup.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace specdecpp {

// Runs `work` on a thread of libuv's pool and settles a promise with what `result` makes of its
// value. The one base of every asynchronous call.
//
// 1. `work` must not touch JavaScript; `result` runs on the JavaScript thread.
// 2. `keep` is held until the end, so that no object is collected under the work.
// 3. `done` runs on the JavaScript thread before the promise settles, whatever the outcome.
template <typename Value> class PromiseWorker : public Napi::AsyncWorker {
public:
    using Work = std::function<Value()>;
    using Result = std::function<Napi::Value(Napi::Env, const Value&)>;

    static Napi::Promise run(
        Napi::Env env, const Napi::Object& keep, Work work, Result result, std::function<void()> done = [] {}) {
        // Owned by Node from Queue() on, which deletes it after the promise has settled.
        auto* worker = new PromiseWorker(env, keep, std::move(work), std::move(result), std::move(done));
        worker->Queue();
        return worker->deferred_.Promise();
    }

protected:
    void Execute() override {
        try {
            value_ = work_();
        } catch (const EngineError& error) {
            code_ = error.code();
            SetError(error.what());
        } catch (const std::bad_alloc&) {
            code_ = "ERR_OUT_OF_MEMORY";
            SetError("There is not enough memory. Use a smaller model, or a smaller contextSize.");
        } catch (const std::exception& error) {
            code_ = "ERR_INTERNAL";
            SetError(unexpected(error.what()));
        }
    }

    void OnOK() override {
        done_();
        try {
            deferred_.Resolve(result_(Env(), *value_));
        } catch (const std::exception& error) { // nothing above would catch it
            deferred_.Reject(makeError(Env(), "ERR_INTERNAL", unexpected(error.what())).Value());
        }
    }

    void OnError(const Napi::Error& error) override {
        done_();
        deferred_.Reject(makeError(Env(), code_, error.Message()).Value());
    }

private:
    PromiseWorker(Napi::Env env, const Napi::Object& keep, Work work, Result result, std::function<void()> done)
        : Napi::AsyncWorker(env), deferred_(env), keep_(Napi::Persistent(keep)), work_(std::move(work)),
          result_(std::move(result)), done_(std::move(done)) {}

    static std::string unexpected(const std::string& what) {
        return "Unexpected failure: " + what + ". Please report it.";
    }

    Napi::Promise::Deferred deferred_;
    Napi::ObjectReference keep_;
    Work work_;
    Result result_;
    std::function<void()> done_;
    std::optional<Value> value_;
    std::string code_;
};

} // namespace specdecpp
