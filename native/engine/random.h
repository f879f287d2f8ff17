#pragma once

#include <cstdint>

namespace specdecpp {

constexpr uint64_t splitMixStep = 0x9e3779b97f4a7c15U;

// SplitMix64's step and mixing function (Steele, Lea & Flood 2014): the number after `state`.
inline uint64_t mixed(uint64_t state) {
    uint64_t z = state + splitMixStep;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
}

// 52 of the bits as a number in (0, 1): never an end of it, so that its logarithm is finite.
inline double openUniform(uint64_t bits) {
    return (static_cast<double>(bits >> 12U) + 0.5) * 0x1.0p-52;
}

// A sequence of SplitMix64's numbers. Every number is drawn once and in order, which the verifiers'
// proofs need. Virtual, so that a test can name the numbers and add up every outcome of a verifier
// exactly.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    virtual ~Random() = default;

    uint64_t next() {
        const uint64_t number = mixed(state_);
        state_ += splitMixStep;
        return number;
    }

    // In [0, 1), with 53 random bits.
    virtual double uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

private:
    uint64_t state_;
};

} // namespace specdecpp
