#pragma once

#include <cstdlib>
#include <string_view>

// Whether SPECDECPP_FULL=1 asks for what takes too long for every day.
inline bool fullTests() {
    const char* const full = std::getenv("SPECDECPP_FULL");
    return full != nullptr && std::string_view(full) == "1";
}
