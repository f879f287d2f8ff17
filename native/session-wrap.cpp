#include "session-wrap.h"

#include "arguments.h"
#include "errors.h"
#include "head-wrap.h"
#include "model-wrap.h"
#include "promise-worker.h"
#include "results.h"

#include <map>
#include <string>

namespace specdecpp {

namespace {

constexpr napi_type_tag sessionTag = {0x2b90f4e1d65c4a7e, 0x83f7a1960c2d5be4};

ggml_type cacheType(const Napi::Object& object, const char* name) {
    static const std::map<std::string, ggml_type> types = {
        {"f32", GGML_TYPE_F32},   {"f16", GGML_TYPE_F16},   {"bf16", GGML_TYPE_BF16}, {"q8_0", GGML_TYPE_Q8_0},
        {"q5_1", GGML_TYPE_Q5_1}, {"q5_0", GGML_TYPE_Q5_0}, {"q4_1", GGML_TYPE_Q4_1}, {"q4_0", GGML_TYPE_Q4_0}};
    const auto found = types.find(stringProperty(object, name));
    if (found == types.end()) {
        throw makeError(object.Env(), "ERR_INVALID_ARGUMENT",
                        std::string("The native call knows no such ") + name + ".");
    }
    return found->second;
}

ContextOptions contextOptions(const Napi::Object& object) {
    ContextOptions options;
    options.size = intProperty(object, "contextSize");
    options.threads = intProperty(object, "threads");
    options.adaptThreads = boolProperty(object, "adaptThreads");
    options.typeK = cacheType(object, "kvTypeK");
    options.typeV = cacheType(object, "kvTypeV");
    return options;
}

SamplingSettings samplingSettings(const Napi::Object& object) {
    SamplingSettings settings;
    settings.temperature = numberProperty(object, "temperature");
    settings.topK = intProperty(object, "topK");
    settings.topP = numberProperty(object, "topP");
    settings.minP = numberProperty(object, "minP");
    settings.repeatPenalty = numberProperty(object, "repeatPenalty");
    settings.presencePenalty = numberProperty(object, "presencePenalty");
    settings.frequencyPenalty = numberProperty(object, "frequencyPenalty");
    settings.penaltyWindow = intProperty(object, "penaltyWindow");
    settings.draftTopK = intProperty(object, "draftTopK");
    settings.logitBias = biasProperty(object, "logitBias");
    return settings;
}

constexpr size_t estimateNumbers = 9;

// Rows of numbers in the order that lib/native/binding.ts gives: a property of an object costs a microsecond or more.
Estimate estimateAt(std::span<const double> row, size_t at) {
    const std::span<const double> numbers = row.subspan(at, estimateNumbers);
    Estimate estimate;
    estimate.bias = numbers[0];
    estimate.logitMode = numbers[1];
    estimate.rootEntropy = numbers[2];
    estimate.margin = numbers[3];
    estimate.logRatio = numbers[4];
    estimate.logProbability = numbers[5];
    estimate.logOthers = numbers[6];
    estimate.head = numbers[7];
    estimate.link = numbers[8] == 1   ? Estimate::Link::logistic
                    : numbers[8] == 2 ? Estimate::Link::exponential
                                      : Estimate::Link::identity;
    return estimate;
}

Gate gateArgument(const Napi::CallbackInfo& info, size_t index) {
    const std::span<const double> row = arrayArgument<double>(info, index);
    if (row.size() != 3 + estimateNumbers) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT", "The native call knows no gate of that size.");
    }
    Gate gate;
    gate.when = row[0] == 1 ? Gate::When::afterDraw : Gate::When::beforeDraw;
    gate.product = row[1] == 1;
    gate.threshold = row[2];
    gate.estimate = estimateAt(row, 3);
    return gate;
}

SurvivalGate survivalArgument(const Napi::CallbackInfo& info, size_t index) {
    constexpr size_t thresholdsAt = 4 * estimateNumbers;
    const std::span<const double> row = arrayArgument<double>(info, index);
    if (row.size() < thresholdsAt || (row.size() - thresholdsAt) % 2 != 0) {
        throw makeError(info.Env(), "ERR_INVALID_ARGUMENT", "The native call knows no survival gate of that size.");
    }
    SurvivalGate gate;
    size_t at = 0;
    for (Estimate* estimate : {&gate.newest, &gate.older, &gate.before, &gate.next}) {
        *estimate = estimateAt(row, at);
        at += estimateNumbers;
    }
    const auto step = row.begin() + thresholdsAt;
    const auto draw = step + (row.end() - step) / 2;
    gate.step.assign(step, draw);
    gate.draw.assign(draw, row.end());
    return gate;
}

// What is the same for all rounds of a text.
RoundOptions roundOptions(const Napi::Object& object) {
    RoundOptions options;
    options.logProbabilities = boolProperty(object, "logProbabilities");
    options.details = boolProperty(object, "details");
    options.states = boolProperty(object, "states");
    options.verifier = findVerifier(stringProperty(object, "verifier"));
    if (options.verifier == nullptr) {
        throw makeError(object.Env(), "ERR_INVALID_ARGUMENT", "The native call knows no such verifier.");
    }
    return options;
}

WalkOptions walkOptions(const Napi::Object& object) {
    WalkOptions options;
    options.kind = boolProperty(object, "coupled") ? WalkKind::coupled : WalkKind::independent;
    options.from = intProperty(object, "from");
    options.count = intProperty(object, "count");
    options.states = boolProperty(object, "states");
    return options;
}

// A row of DraftedToken's fields for each token, in the order that lib/native/binding.ts gives.
std::vector<double> toRows(const std::vector<DraftedToken>& draft) {
    std::vector<double> rows;
    for (const DraftedToken& token : draft) {
        rows.insert(rows.end(),
                    {static_cast<double>(token.token), token.q, token.shape.mode, token.shape.margin,
                     token.shape.entropy, token.p, token.acceptance, token.older, token.before, token.newest});
    }
    return rows;
}

// One row of numbers, in the order that lib/native/round.ts reads.
Napi::Value toRow(Napi::Env env, const Round& round) {
    std::vector<double> numbers = {static_cast<double>(round.tokens.size()),
                                   static_cast<double>(round.logProbabilities.size()),
                                   static_cast<double>(round.drafted),
                                   static_cast<double>(round.accepted),
                                   static_cast<double>(round.draftSteps),
                                   static_cast<double>(round.ended),
                                   static_cast<double>(round.stopReason),
                                   round.draftMicros,
                                   round.verifyMicros,
                                   round.decodeMicros};
    numbers.insert(numbers.end(), round.tokens.begin(), round.tokens.end());
    numbers.insert(numbers.end(), round.logProbabilities.begin(), round.logProbabilities.end());
    const std::vector<double> rows = toRows(round.draft);
    numbers.insert(numbers.end(), rows.begin(), rows.end());
    return toTypedArray<Napi::Float64Array>(env, numbers);
}

} // namespace

Napi::Function SessionWrap::define(Napi::Env env) {
    return DefineClass(env, "Session",
                       {
                           InstanceMethod("open", &SessionWrap::open),
                           InstanceMethod("begin", &SessionWrap::begin),
                           InstanceMethod("prefill", &SessionWrap::prefill),
                           InstanceMethod("round", &SessionWrap::round),
                           InstanceMethod("draft", &SessionWrap::draft),
                           InstanceMethod("verify", &SessionWrap::verify),
                           InstanceMethod("states", &SessionWrap::states),
                           InstanceMethod("walk", &SessionWrap::walk),
                           InstanceMethod("statesOf", &SessionWrap::statesOf),
                           InstanceMethod("rollBack", &SessionWrap::rollBack),
                           InstanceMethod("state", &SessionWrap::state),
                           InstanceMethod("abort", &SessionWrap::abort),
                           InstanceMethod("dispose", &SessionWrap::dispose),
                       });
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionWrap>(info) {
    info.This().As<Napi::Object>().TypeTag(&sessionTag);
    const Napi::Object options = objectArgument(info, 0);
    target_ = ModelWrap::unwrap(options.Get("target"));
    options_.target = contextOptions(objectProperty(options, "targetContext"));
    if (!options.Get("draft").IsUndefined()) {
        draft_ = ModelWrap::unwrap(options.Get("draft"));
        options_.draft = contextOptions(objectProperty(options, "draftContext"));
    }
    if (!options.Get("head").IsUndefined()) {
        options_.head = HeadWrap::unwrap(options.Get("head"));
    }
    options_.maxDraft = intProperty(options, "maxDraft");
    options_.walks = options.Get("walks").ToBoolean();
}

template <typename T>
Napi::Value SessionWrap::run(const Napi::CallbackInfo& info, std::function<T()> work,
                             std::function<Napi::Value(Napi::Env, const T&)> result) {
    busy_ = true;
    return PromiseWorker<T>::run(info.Env(), info.This().As<Napi::Object>(), std::move(work), std::move(result),
                                 [this] {
                                     busy_ = false;
                                     if (session_) {
                                         session_->clearAbort(); // the call that just ended was its answer
                                     }
                                 });
}

Napi::Value SessionWrap::open(const Napi::CallbackInfo& info) {
    checkIdle(info.Env());
    if (!target_) {
        throw makeError(info.Env(), "ERR_DISPOSED", "The session has been disposed of.");
    }
    using Opened = std::shared_ptr<std::unique_ptr<Session>>;
    return run<Opened>(
        info,
        [target = target_, draft = draft_, options = options_] {
            return std::make_shared<std::unique_ptr<Session>>(std::make_unique<Session>(target, draft, options));
        },
        [this](Napi::Env env, const Opened& opened) {
            session_ = std::move(*opened);
            return env.Undefined();
        });
}

void SessionWrap::checkTokens(Napi::Env env, const std::vector<Token>& tokens) const {
    for (const Token token : tokens) {
        if (!target_->vocabulary().contains(token)) {
            throw makeError(env, "ERR_INVALID_ARGUMENT",
                            "There is no token " + std::to_string(token) + " in a vocabulary of " +
                                std::to_string(target_->vocabulary().size()) + ".");
        }
    }
}

Napi::Value SessionWrap::begin(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    std::vector<Token> prompt = tokensArgument(info, 0);
    checkTokens(info.Env(), prompt);
    const SamplingSettings settings = samplingSettings(objectArgument(info, 1));
    for (const auto& [token, bias] : settings.logitBias) {
        if (!target_->vocabulary().contains(token)) {
            throw makeError(info.Env(), "ERR_INVALID_ARGUMENT",
                            "logitBias names the token " + std::to_string(token) + ", but the vocabulary has " +
                                std::to_string(target_->vocabulary().size()) + ".");
        }
    }
    const double seed = numberProperty(info[1].As<Napi::Object>(), "seed");
    rounds_ = roundOptions(objectArgument(info, 2));
    const bool reuse = boolProperty(info[2].As<Napi::Object>(), "reuse");
    return translated(info.Env(), [&]() -> Napi::Value {
        session.begin(std::move(prompt), settings, static_cast<uint64_t>(seed), reuse);
        return Napi::Number::New(info.Env(), session.targetPast());
    });
}

Napi::Value SessionWrap::prefill(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    const int count = intArgument(info, 0);
    return run<int>(
        info, [&session, count] { return session.prefill(count); },
        [](Napi::Env env, const int& left) -> Napi::Value { return Napi::Number::New(env, left); });
}

RoundOptions SessionWrap::nextRound(const Napi::CallbackInfo& info) const {
    RoundOptions options = rounds_;
    options.rule.length = intArgument(info, 0);
    options.room = intArgument(info, 1);
    if (!info[2].IsUndefined()) {
        options.rule.gate = gateArgument(info, 2);
    }
    if (!info[3].IsUndefined()) {
        options.rule.survival = survivalArgument(info, 3);
    }
    return options;
}

Napi::Value SessionWrap::runRound(const Napi::CallbackInfo& info, std::function<Round()> work) {
    return run<Round>(info, std::move(work), [this](Napi::Env env, const Round& round) {
        states_ = round.states;
        return toRow(env, round);
    });
}

Napi::Value SessionWrap::round(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    const RoundOptions options = nextRound(info);
    return runRound(info, [&session, options] { return session.round(options); });
}

Napi::Value SessionWrap::draft(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    RoundOptions options = nextRound(info);
    options.details = true;
    return run<StopReason>(
        info, [&session, options] { return session.draft(options); },
        [&session](Napi::Env env, const StopReason& reason) -> Napi::Value {
            Napi::Object object = Napi::Object::New(env);
            object.Set("stopReason", nameOf(reason));
            object.Set("draft", toTypedArray<Napi::Float64Array>(env, toRows(session.draftedTokens())));
            return object;
        });
}

Napi::Value SessionWrap::verify(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    RoundOptions options = rounds_;
    options.details = true; // as when it was drafted
    const int submitted = intArgument(info, 0);
    options.room = intArgument(info, 1);
    return runRound(info, [&session, options, submitted] { return session.verify(options, submitted); });
}

Napi::Value SessionWrap::states(const Napi::CallbackInfo& info) {
    idle(info.Env());
    return toTypedArray<Napi::Uint16Array>(info.Env(), states_);
}

Napi::Value SessionWrap::walk(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    const WalkOptions options = walkOptions(objectArgument(info, 0));
    return run<Walk>(
        info, [&session, options] { return session.walk(options); },
        [](Napi::Env env, const Walk& walk) -> Napi::Value {
            Napi::Object object = Napi::Object::New(env);
            object.Set("lengths", toTypedArray<Napi::Uint8Array>(env, walk.lengths));
            object.Set("draft", toTypedArray<Napi::Float64Array>(env, toRows(walk.draft)));
            object.Set("states", toTypedArray<Napi::Uint16Array>(env, walk.states));
            object.Set("replaced", toTypedArray<Napi::Uint8Array>(env, walk.replaced));
            return object;
        });
}

Napi::Value SessionWrap::statesOf(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    const std::vector<Token> tokens = tokensArgument(info, 0);
    checkTokens(info.Env(), tokens);
    return run<States>(
        info, [&session, tokens] { return session.statesOf(tokens); },
        [](Napi::Env env, const States& states) -> Napi::Value {
            return toTypedArray<Napi::Uint16Array>(env, states);
        });
}

void SessionWrap::rollBack(const Napi::CallbackInfo& info) {
    Session& session = idle(info.Env());
    const int length = intArgument(info, 0);
    translated(info.Env(), [&] { session.rollBack(length); });
}

Napi::Value SessionWrap::state(const Napi::CallbackInfo& info) {
    const Session& session = idle(info.Env());
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("tokens", toTypedArray<Napi::Int32Array>(info.Env(), session.tokens()));
    object.Set("targetPast", Napi::Number::New(info.Env(), session.targetPast()));
    object.Set("draftPast", Napi::Number::New(info.Env(), session.draftPast()));
    object.Set("targetEvaluated", Napi::Number::New(info.Env(), static_cast<double>(session.targetEvaluated())));
    object.Set("draftEvaluated", Napi::Number::New(info.Env(), static_cast<double>(session.draftEvaluated())));
    return object;
}

void SessionWrap::abort(const Napi::CallbackInfo& info) {
    if (busy_ && session_) {
        session_->abort();
    }
}

void SessionWrap::dispose(const Napi::CallbackInfo& info) {
    checkIdle(info.Env());
    session_.reset();
    target_.reset(); // JavaScript may keep this object for long after
    draft_.reset();
    options_.head.reset();
    states_ = {};
}

Session& SessionWrap::idle(Napi::Env env) {
    checkIdle(env);
    if (!session_) {
        throw makeError(env, "ERR_DISPOSED", "The session is not open, or has been disposed of.");
    }
    return *session_;
}

void SessionWrap::checkIdle(Napi::Env env) const {
    if (busy_) {
        throw makeError(env, "ERR_BUSY", "The session is at work; wait for the promise of the call before.");
    }
}

} // namespace specdecpp
