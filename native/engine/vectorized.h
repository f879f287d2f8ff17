#pragma once

#include <bit>
#include <cstdint>

// One version of a function for each of these instruction sets, chosen when the program is loaded.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SPECDECPP_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SPECDECPP_VECTORIZED
#endif

namespace specdecpp {

// Cephes' expf for x <= 0, to about 2e-7: 2^n · p(r) with x = n ln 2 + r, |r| <= ln 2 / 2. Plain arithmetic,
// so that the compiler makes vector instructions of a loop of it.
inline float fastExponential(float x) {
    constexpr float lowest = -87; // below it the result would no longer be a normal number: 0
    const float bounded = x < lowest ? lowest : x;
    constexpr float rounder = 12582912.0F; // 1.5 · 2^23: adding it rounds to a whole number
    const float n = (bounded * 1.44269504088896341F + rounder) - rounder;
    const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
    return x < lowest ? 0.0F : p * power;
}

} // namespace specdecpp
