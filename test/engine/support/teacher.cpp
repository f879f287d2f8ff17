#include "teacher.h"

#include "demo.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

using namespace specdecpp;

std::vector<std::vector<float>> teacherForce(const std::shared_ptr<const Model>& model,
                                             const std::vector<Token>& tokens, size_t from) {
    const auto outputs = static_cast<int>(tokens.size() - from);
    const std::atomic<bool> abort{false};
    Context context(model, contextOptions(static_cast<int>(tokens.size()), outputs), &abort);
    context.decode(std::span<const Token>(tokens).first(tokens.size() - 1), outputs);
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < outputs; ++i) {
        const float* row = context.logits(i);
        rows.emplace_back(row, row + model->vocabulary().size());
    }
    return rows;
}

size_t firstDifference(const std::vector<Token>& a, const std::vector<Token>& b) {
    const size_t length = std::min(a.size(), b.size());
    return static_cast<size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(length), b.begin()).first - a.begin());
}

double gapAtFirstDifference(const std::vector<Token>& a, const std::vector<Token>& b, SamplingSettings settings) {
    const size_t position = firstDifference(a, b);
    if (position == std::min(a.size(), b.size())) {
        return a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
    }
    const std::vector<Token> common(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(position) + 1);
    const std::vector<float> logits = teacherForce(demoTarget(), common, position).front();
    settings.temperature = 1; // where log probabilities differ by what logits differ by
    const auto history = std::span<const Token>(common).first(position);
    const Distribution p = nextTokenDistribution(logits, history, settings);
    return std::abs(std::log(p.probability(a[position]) / p.probability(b[position])));
}
