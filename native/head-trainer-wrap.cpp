#include "head-trainer-wrap.h"

#include "arguments.h"
#include "engine/head-file.h"
#include "errors.h"
#include "head-values.h"
#include "promise-worker.h"
#include "results.h"

#include <string>

namespace specdecpp {

Napi::Function HeadTrainerWrap::define(Napi::Env env) {
    return DefineClass(env, "HeadTrainer",
                       {
                           InstanceMethod("train", &HeadTrainerWrap::train),
                           InstanceMethod("scores", &HeadTrainerWrap::scores),
                           InstanceMethod("state", &HeadTrainerWrap::state),
                           InstanceMethod("save", &HeadTrainerWrap::save),
                       });
}

HeadTrainerWrap::HeadTrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<HeadTrainerWrap>(info) {
    const Napi::Object given = objectArgument(info, 0);
    HeadTrainerOptions options;
    options.shape = headShapeProperty(given, "shape");
    options.seed = static_cast<uint64_t>(numberProperty(given, "seed"));
    options.threads = intProperty(given, "threads");
    options.rejectionWeight = numberProperty(given, "rejectionWeight");
    options.weightDecay = numberProperty(given, "weightDecay");
    options.stateDropout = numberProperty(given, "stateDropout");
    const auto mean = arrayProperty<float>(given, "mean");
    const auto deviation = arrayProperty<float>(given, "deviation");
    options.scaling = {{mean.begin(), mean.end()}, {deviation.begin(), deviation.end()}};
    translated(info.Env(), [&] {
        trainer_ = std::make_unique<HeadTrainer>(std::move(options));
        if (!given.Get("weights").IsUndefined()) {
            trainer_->restore(arrayProperty<uint8_t>(given, "weights"));
        }
        if (!given.Get("parameters").IsUndefined()) {
            trainer_->setParameters(arrayProperty<float>(given, "parameters"));
        }
    });
}

Napi::Value HeadTrainerWrap::train(const Napi::CallbackInfo& info) {
    HeadTrainer& trainer = idle(info.Env());
    const OwnedExamples examples =
        copyExamples(objectArgument(info, 0), trainer.shape(), arrayArgument<int32_t>(info, 1));
    const int batch = intArgument(info, 2);
    const auto given = arrayArgument<float>(info, 3);
    const std::vector<float> rates(given.begin(), given.end());
    busy_ = true;
    return PromiseWorker<double>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [&trainer, examples = std::move(examples), batch, rates] {
            return trainer.train(examples.view(), batch, rates);
        },
        [](Napi::Env env, const double& loss) -> Napi::Value { return Napi::Number::New(env, loss); },
        [this] { busy_ = false; });
}

Napi::Value HeadTrainerWrap::scores(const Napi::CallbackInfo& info) {
    const HeadTrainer& trainer = idle(info.Env());
    OwnedExamples examples = copyInputs(objectArgument(info, 0), trainer.shape());
    busy_ = true;
    return PromiseWorker<std::vector<float>>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [&trainer, examples = std::move(examples)] { return trainer.scores(examples.view()); }, giveNumbers,
        [this] { busy_ = false; });
}

Napi::Value HeadTrainerWrap::state(const Napi::CallbackInfo& info) {
    return toTypedArray<Napi::Uint8Array>(info.Env(), idle(info.Env()).state());
}

Napi::Value HeadTrainerWrap::save(const Napi::CallbackInfo& info) {
    const HeadTrainer& trainer = idle(info.Env());
    const std::string path = stringArgument(info, 0);
    const HeadMetadata metadata = metadataArgument(info, 1);
    const std::string type = stringArgument(info, 2);
    std::vector<float> tokens;
    if (!info[3].IsUndefined()) {
        const auto given = arrayArgument<float>(info, 3);
        tokens.assign(given.begin(), given.end());
    }
    busy_ = true;
    return PromiseWorker<bool>::run(
        info.Env(), info.This().As<Napi::Object>(),
        [&trainer, path, metadata, type, tokens = std::move(tokens)] {
            writeHead(path, trainer.shape(), trainer.scaling(), trainer.parameters(), metadata, type, tokens);
            return true;
        },
        [](Napi::Env env, const bool&) { return env.Undefined(); }, [this] { busy_ = false; });
}

HeadTrainer& HeadTrainerWrap::idle(Napi::Env env) const {
    if (busy_) {
        throw makeError(env, "ERR_BUSY", "The trainer is at work; wait for the promise of the call before.");
    }
    return *trainer_;
}

} // namespace specdecpp
