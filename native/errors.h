#pragma once

#include "engine/error.h"
#include "napi-setup.h"

#include <new>
#include <string>

namespace specdecpp {

// A JavaScript error with the code as its `code`. lib/native/call.ts makes the public error of it.
Napi::Error makeError(Napi::Env env, const std::string& code, const std::string& message);

// Runs a synchronous method's body; an EngineError becomes a JavaScript error with its code.
template <typename Body> auto translated(Napi::Env env, Body body) -> decltype(body()) {
    try {
        return body();
    } catch (const EngineError& error) {
        throw makeError(env, error.code(), error.what());
    } catch (const std::bad_alloc&) {
        throw makeError(env, "ERR_OUT_OF_MEMORY", "There is not enough memory for what the native call was given.");
    }
}

} // namespace specdecpp
