#pragma once

#include "head-network.h"

#include <cstdint>
#include <string>
#include <vector>

// Heads the slow way, in double precision, one example after the other.

// Examples with states near those of models, some labels missing; always the same for a seed.
struct RandomExamples {
    std::vector<ggml_fp16_t> states;
    std::vector<int32_t> stateOf;
    std::vector<float> scalars;
    std::vector<float> labels;

    RandomExamples(const specdecpp::HeadShape& shape, size_t count, uint64_t seed);
    specdecpp::HeadExamples view() const { return {states, stateOf, scalars, labels}; }
    // The first or the last of them.
    specdecpp::HeadExamples part(size_t from, size_t count) const;
};

specdecpp::HeadShape paperShape(int width, int depth, bool tied);
// The outputs `older` and `before` do not read the last column.
specdecpp::HeadShape fullShape(int width, int depth, bool tied, int hidden, int columns);
specdecpp::HeadScaling someScaling(const specdecpp::HeadShape& shape);

// All weights different from zero.
std::vector<float> randomParameters(const specdecpp::HeadShape& shape, uint64_t seed);

// Logits [n][outputs].
std::vector<double> referenceScores(const specdecpp::HeadShape& shape, const specdecpp::HeadScaling& scaling,
                                    const std::vector<double>& parameters, const specdecpp::HeadExamples& examples);

// The mean loss of a label.
double referenceLoss(const specdecpp::HeadShape& shape, const specdecpp::HeadScaling& scaling,
                     const std::vector<double>& parameters, const specdecpp::HeadExamples& examples,
                     double rejectionWeight);

// By central differences.
std::vector<double> referenceGradient(const specdecpp::HeadShape& shape, const specdecpp::HeadScaling& scaling,
                                      const std::vector<double>& parameters, const specdecpp::HeadExamples& examples,
                                      double rejectionWeight);
