#pragma once

#include "engine/head-trainer.h"
#include "napi-setup.h"

#include <memory>

namespace specdecpp {

// The native class HeadTrainer: the weights of a head while they are trained. One call at a time: while a promise
// is pending, every method throws ERR_BUSY. See lib/native/binding.ts.
class HeadTrainerWrap : public Napi::ObjectWrap<HeadTrainerWrap> {
public:
    static Napi::Function define(Napi::Env env);

    explicit HeadTrainerWrap(const Napi::CallbackInfo& info);

private:
    Napi::Value train(const Napi::CallbackInfo& info);
    Napi::Value scores(const Napi::CallbackInfo& info);
    Napi::Value state(const Napi::CallbackInfo& info);
    Napi::Value save(const Napi::CallbackInfo& info);

    HeadTrainer& idle(Napi::Env env) const;

    std::unique_ptr<HeadTrainer> trainer_;
    bool busy_ = false;
};

} // namespace specdecpp
