#include "teacher.h"

#include "demo.h"

#include "random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

using namespace specdecpp;

std::vector<std::vector<float>> teacherForce(const std::shared_ptr<const Model>& model,
                                             const std::vector<Token>& tokens, size_t from) {
    // 64 rows at a time and more would go through another attention kernel, which rounds more coarsely.
    constexpr size_t maxRows = 32;
    const std::atomic<bool> abort{false};
    Context context(model, contextOptions(static_cast<int>(tokens.size()), maxRows), &abort);
    std::vector<std::vector<float>> rows;
    const auto evaluated = std::span<const Token>(tokens).first(tokens.size() - 1);
    for (size_t i = 0; i < evaluated.size(); i += maxRows) {
        const auto chunk = evaluated.subspan(i, std::min(maxRows, evaluated.size() - i));
        const size_t end = i + chunk.size(); // row j predicts tokens[j + 1]
        const size_t outputs = end < from ? 0 : std::min(chunk.size(), end + 1 - from);
        context.decode(chunk, static_cast<int>(outputs));
        for (size_t j = 0; j < outputs; ++j) {
            const float* row = context.logits(static_cast<int>(j));
            rows.emplace_back(row, row + model->vocabulary().size());
        }
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

double coupledGapAtFirstDifference(const std::vector<Token>& a, const std::vector<Token>& b,
                                   const SamplingSettings& settings, uint64_t seed) {
    const size_t position = firstDifference(a, b);
    if (position == std::min(a.size(), b.size())) {
        return a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
    }
    const std::vector<Token> common(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(position) + 1);
    const std::vector<float> logits = teacherForce(demoTarget(), common, position).front();
    const Distribution p = nextTokenDistribution(logits, std::span<const Token>(common).first(position), settings);
    const auto score = [&](Token token) { return coupledScore(p, token, seed, static_cast<int>(position)); };
    return std::abs(score(a[position]) - score(b[position]));
}

double coupledScore(const Distribution& p, Token token, uint64_t seed, int position) {
    const uint64_t key = mixed(mixed(seed) + static_cast<uint64_t>(position));
    const double u = openUniform(mixed(key + static_cast<uint64_t>(token)));
    return std::log(p.probability(token)) - std::log(-std::log(u));
}
