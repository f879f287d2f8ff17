#include "toy-language.h"

using namespace specdecpp;

Tokens joined(Tokens a, const Tokens& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

ToyLanguage::Rows ToyLanguage::rowsOf(const Tokens& text, const Tokens& drafted) {
    Rows result;
    Tokens prefix = text;
    for (const Token token : drafted) {
        result.p.push_back(p(prefix));
        result.q.push_back(q(prefix));
        prefix.push_back(token);
    }
    result.p.push_back(p(prefix));
    return result;
}

const std::pair<Distribution, Distribution>& ToyLanguage::rows(const Tokens& prefix) {
    const auto found = rows_.find(prefix);
    return found != rows_.end() ? found->second : rows_.emplace(prefix, make()).first->second;
}

std::pair<Distribution, Distribution> ToyLanguage::make() {
    std::vector<double> p = row(0.3);
    std::vector<double> q = row(0.3);
    switch (generator_() % 6) {
    case 0: // equal
        q = p;
        break;
    case 1: // of disjoint supports
        for (size_t i = 0; i < p.size(); ++i) {
            (i % 2 == 0 ? p : q)[i] = 0;
        }
        p[1] += 0.1;
        q[0] += 0.1;
        break;
    case 2: // q all but certain
        q[generator_() % q.size()] += 20;
        break;
    default:
        break;
    }
    return {distribution(p), distribution(q)};
}

std::vector<double> ToyLanguage::row(double zeros) {
    std::uniform_real_distribution<double> uniform(0.01, 1);
    std::vector<double> weights(static_cast<size_t>(size_));
    for (double& weight : weights) {
        weight = uniform(generator_) < zeros ? 0 : uniform(generator_);
    }
    weights[generator_() % weights.size()] += 0.2;
    return weights;
}

Distribution ToyLanguage::distribution(std::vector<double> weights) {
    double total = 0;
    for (const double weight : weights) {
        total += weight;
    }
    Tokens tokens;
    std::vector<double> positive;
    for (size_t i = 0; i < weights.size(); ++i) {
        weights[i] /= total;
        if (weights[i] > 0) {
            tokens.push_back(static_cast<Token>(i));
            positive.push_back(weights[i]);
        }
    }
    return generator_() % 2 == 0 ? Distribution::dense(weights) : Distribution::sparse(tokens, positive);
}
