#pragma once

#include <chrono>

namespace specdecpp {

class Stopwatch {
public:
    double micros() const {
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace specdecpp
