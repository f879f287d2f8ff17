#include "errors.h"

namespace specdecpp {

Napi::Error makeError(Napi::Env env, const std::string& code, const std::string& message) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", Napi::String::New(env, code));
    return error;
}

} // namespace specdecpp
