#pragma once

#include "error.h"

#include <string>

// The code of the EngineError that `action` throws; "" if it throws none.
template <typename Action> std::string errorCode(Action&& action) {
    try {
        action();
    } catch (const specdecpp::EngineError& error) {
        return error.code();
    }
    return "";
}

// The sentence of the EngineError that `action` throws; "" if it throws none.
template <typename Action> std::string errorMessage(Action&& action) {
    try {
        action();
    } catch (const specdecpp::EngineError& error) {
        return error.what();
    }
    return "";
}
