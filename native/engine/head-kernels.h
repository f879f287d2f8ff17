#pragma once

#include <cstddef>

namespace specdecpp {

// Examples that are worked on side by side. A panel holds one number of each of them in a row, [n][lanes].
constexpr int lanes = 16;

// C = A · B, or C + A · B, or bias + A · B. A lies in any way; rows of B and C hold strips of `lanes` columns.
// The sum runs over outer × inner products, in this order.
struct Product {
    int rows = 0; // of A and C
    int strips = 1;
    int inner = 0;
    int outer = 1;
    const float* a = nullptr;
    ptrdiff_t aRow = 0, aInner = 0, aOuter = 0;
    const float* b = nullptr;
    ptrdiff_t bInner = lanes, bOuter = 0;
    float* c = nullptr;
    ptrdiff_t cRow = lanes;
    const float* bias = nullptr; // [rows]
    bool add = false;            // to C
};

void multiply(const Product& product);

// How many outputs affine() works out for so many.
constexpr int wholeVectors(int outputs) {
    return (outputs + 31) / 32 * 32;
}

// out = bias + W x, of one example. weights: [inputs][outputs], the transpose of W, of whole vectors; x: [inputs].
void affine(const float* weights, const float* bias, int inputs, int outputs, const float* x, float* out);

// x ← x + SiLU(z) and out ← SiLU(z), [n].
void addSilu(const float* z, float* x, size_t n);
void silu(const float* z, float* out, size_t n);

// z ← gradient · SiLU'(z), [n].
void siluGradient(const float* gradient, float* z, size_t n);

// sums[r] += Σ over chunks and lanes of a[chunk · stride + r · lanes + lane], times the same of `weights`,
// [chunks][weightStride], if there are any.
void addRowSums(const float* a, ptrdiff_t stride, const float* weights, ptrdiff_t weightStride, int chunks, int rows,
                float* sums);

// AdamW (arXiv 1711.05101, algorithm 2), with the moments' corrections 1 / (1 - β^t).
struct AdamStep {
    float rate;
    float decay; // already times the rate
    float scale; // of the gradient
    float correction1;
    float correction2;
};

void adamW(const AdamStep& step, const float* gradient, float* parameters, float* first, float* second, size_t n);

} // namespace specdecpp
