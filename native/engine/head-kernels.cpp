// The inner loops of heads. Built with contraction of products and sums and without errno
// (CMakeLists.txt), and for the instruction sets that a processor may have: the baseline of x86 alone
// would take four times as long.

#include "head-kernels.h"

#include "vectorized.h"

#include <cmath>
#include <cstring>

#if defined(__GNUC__)
#define SPECDECPP_INLINE inline __attribute__((always_inline))
#else
#define SPECDECPP_INLINE inline
#endif

namespace specdecpp {

namespace {

#if defined(__GNUC__)
template <int size> struct VectorOf {
    typedef float Type __attribute__((vector_size(size * sizeof(float))));
};
template <int size> using Vector = typename VectorOf<size>::Type;
#else
template <int size> struct Vector {
    float numbers[size];
    Vector& operator+=(const Vector& other) {
        for (int i = 0; i < size; ++i) {
            numbers[i] += other.numbers[i];
        }
        return *this;
    }
    Vector operator*(float factor) const {
        Vector product;
        for (int i = 0; i < size; ++i) {
            product.numbers[i] = numbers[i] * factor;
        }
        return product;
    }
};
#endif

// A tile of C: `rows` rows of `count` vectors, which stay in registers.
template <int size, int count, int rows> SPECDECPP_INLINE void tile(const Product& p, int row, ptrdiff_t column) {
    Vector<size> sums[rows][count];
    float* c = p.c + row * p.cRow + column;
    for (int r = 0; r < rows; ++r) {
        for (int n = 0; n < count; ++n) {
            if (p.add) {
                std::memcpy(&sums[r][n], c + r * p.cRow + n * size, sizeof sums[r][n]);
            } else {
                float begin[size];
                for (float& number : begin) {
                    number = p.bias == nullptr ? 0 : p.bias[row + r];
                }
                std::memcpy(&sums[r][n], begin, sizeof begin);
            }
        }
    }
    for (int outer = 0; outer < p.outer; ++outer) {
        const float* a = p.a + row * p.aRow + outer * p.aOuter;
        const float* b = p.b + column + outer * p.bOuter;
        for (int inner = 0; inner < p.inner; ++inner) {
            Vector<size> factors[count];
            for (int n = 0; n < count; ++n) {
                std::memcpy(&factors[n], b + n * size, sizeof factors[n]);
            }
            for (int r = 0; r < rows; ++r) {
                const float factor = a[r * p.aRow];
                for (int n = 0; n < count; ++n) {
                    sums[r][n] += factors[n] * factor;
                }
            }
            a += p.aInner;
            b += p.bInner;
        }
    }
    for (int r = 0; r < rows; ++r) {
        for (int n = 0; n < count; ++n) {
            std::memcpy(c + r * p.cRow + n * size, &sums[r][n], sizeof sums[r][n]);
        }
    }
}

template <int size, int count> SPECDECPP_INLINE void multiplyIn(const Product& p) {
    constexpr int rows = 4;
    for (ptrdiff_t column = 0; column < static_cast<ptrdiff_t>(p.strips) * lanes; column += size * count) {
        int row = 0;
        for (; row + rows <= p.rows; row += rows) {
            tile<size, count, rows>(p, row, column);
        }
        for (; row < p.rows; ++row) {
            tile<size, count, 1>(p, row, column);
        }
    }
}

// `count` vectors of outputs.
template <int size, int count>
SPECDECPP_INLINE void affineTile(const float* weights, const float* bias, int inputs, int outputs, const float* x,
                                 float* out) {
    Vector<size> sums[count];
    for (int n = 0; n < count; ++n) {
        std::memcpy(&sums[n], bias + n * size, sizeof sums[n]);
    }
    for (int i = 0; i < inputs; ++i, weights += outputs) {
        for (int n = 0; n < count; ++n) {
            Vector<size> weight;
            std::memcpy(&weight, weights + n * size, sizeof weight);
            sums[n] += weight * x[i];
        }
    }
    for (int n = 0; n < count; ++n) {
        std::memcpy(out + n * size, &sums[n], sizeof sums[n]);
    }
}

template <int size>
SPECDECPP_INLINE void affineIn(const float* weights, const float* bias, int inputs, int outputs, const float* x,
                               float* out) {
    constexpr int wide = 64; // as many as registers can hold
    int at = 0;
    for (; at + wide <= outputs; at += wide) {
        affineTile<size, wide / size>(weights + at, bias + at, inputs, outputs, x, out + at);
    }
    for (; at < outputs; at += wide / 2) {
        affineTile<size, wide / 2 / size>(weights + at, bias + at, inputs, outputs, x, out + at);
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2,fma"))) void multiplyAvx2(const Product& p) {
    multiplyIn<8, 2>(p);
}

__attribute__((target("avx2,fma"))) void affineAvx2(const float* weights, const float* bias, int inputs, int outputs,
                                                    const float* x, float* out) {
    affineIn<8>(weights, bias, inputs, outputs, x, out);
}

bool hasAvx2() {
    static const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    return has;
}
#endif

SPECDECPP_INLINE float logistic(float z) {
    const float e = fastExponential(z < 0 ? z : -z);
    return (z < 0 ? e : 1.0F) / (1.0F + e);
}

} // namespace

void multiply(const Product& p) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (hasAvx2()) {
        multiplyAvx2(p);
        return;
    }
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    multiplyIn<4, 4>(p); // there are 32 registers
#else
    multiplyIn<4, 2>(p);
#endif
}

void affine(const float* weights, const float* bias, int inputs, int outputs, const float* x, float* out) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (hasAvx2()) {
        affineAvx2(weights, bias, inputs, outputs, x, out);
        return;
    }
#endif
    affineIn<4>(weights, bias, inputs, outputs, x, out);
}

SPECDECPP_VECTORIZED void addSilu(const float* z, float* x, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        x[i] += z[i] * logistic(z[i]);
    }
}

SPECDECPP_VECTORIZED void silu(const float* z, float* out, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        out[i] = z[i] * logistic(z[i]);
    }
}

SPECDECPP_VECTORIZED void siluGradient(const float* gradient, float* z, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const float s = logistic(z[i]);
        z[i] = gradient[i] * s * (1 + z[i] * (1 - s));
    }
}

SPECDECPP_VECTORIZED void addRowSums(const float* a, ptrdiff_t stride, const float* weights, ptrdiff_t weightStride,
                                     int chunks, int rows, float* sums) {
    for (int r = 0; r < rows; ++r) {
        float parts[lanes] = {};
        for (int chunk = 0; chunk < chunks; ++chunk) {
            const float* row = a + chunk * stride + static_cast<ptrdiff_t>(r) * lanes;
            if (weights == nullptr) {
                for (int lane = 0; lane < lanes; ++lane) {
                    parts[lane] += row[lane];
                }
            } else {
                const float* weight = weights + chunk * weightStride;
                for (int lane = 0; lane < lanes; ++lane) {
                    parts[lane] += row[lane] * weight[lane];
                }
            }
        }
        for (const float part : parts) {
            sums[r] += part;
        }
    }
}

SPECDECPP_VECTORIZED void adamW(const AdamStep& step, const float* gradient, float* parameters, float* first,
                                float* second, size_t n) {
    constexpr float beta1 = 0.9F;
    constexpr float beta2 = 0.999F;
    constexpr float epsilon = 1e-8F;
    const AdamStep s = step;
    for (size_t i = 0; i < n; ++i) {
        const float g = gradient[i] * s.scale;
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        const float update = first[i] * s.correction1 / (std::sqrt(second[i] * s.correction2) + epsilon);
        parameters[i] -= s.rate * update + s.decay * parameters[i];
    }
}

} // namespace specdecpp
