#include "excess.h"

#include <algorithm>

namespace specdecpp {

namespace {

// out[i] = (w p[i] - q[i])+; returns the sum. Eight sums side by side make vector instructions of it.
double subtract(double w, std::span<const double> p, std::span<const double> q, double* out) {
    constexpr size_t lanes = 8;
    double sums[lanes] = {};
    const size_t common = std::min(p.size(), q.size());
    size_t i = 0;
    for (; i + lanes <= common; i += lanes) {
        for (size_t j = 0; j < lanes; ++j) {
            out[i + j] = std::max(0.0, w * p[i + j] - q[i + j]);
            sums[j] += out[i + j];
        }
    }
    double sum = 0;
    for (; i < p.size(); ++i) {
        out[i] = std::max(0.0, w * p[i] - (i < common ? q[i] : 0)); // vocabularies may differ in padding
        sum += out[i];
    }
    for (const double part : sums) {
        sum += part;
    }
    return sum;
}

} // namespace

Excess::Excess(double w, const Distribution& p, const Distribution& q) {
    if (p.isDense() && q.isDense()) {
        weights_.resize(p.probabilities().size());
        total_ = subtract(w, p.probabilities(), q.probabilities(), weights_.data());
        return;
    }
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        const Token token = p.token(i);
        const double weight = w * p.probabilities()[i] - q.probability(token);
        if (weight > 0) {
            tokens_.push_back(token);
            weights_.push_back(weight);
            total_ += weight;
        }
    }
}

Distribution Excess::normalized() && {
    for (double& weight : weights_) {
        weight /= total_;
    }
    return tokens_.empty() ? Distribution::dense(std::move(weights_))
                           : Distribution::sparse(std::move(tokens_), std::move(weights_));
}

} // namespace specdecpp
