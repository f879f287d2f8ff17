#pragma once

#include <stdexcept>
#include <string>

namespace specdecpp {

// A failure with a stable code (docs/errors.md) and a sentence that says what to do about it.
class EngineError : public std::runtime_error {
public:
    EngineError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}

    const std::string& code() const { return code_; }

private:
    std::string code_;
};

} // namespace specdecpp
