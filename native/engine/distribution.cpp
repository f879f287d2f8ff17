#include "distribution.h"

#include <algorithm>

namespace specdecpp {

Distribution Distribution::dense(std::vector<double> probabilities) {
    return {{}, std::move(probabilities)};
}

Distribution Distribution::sparse(std::vector<Token> tokens, std::vector<double> probabilities) {
    return {std::move(tokens), std::move(probabilities)};
}

double Distribution::probability(Token token) const {
    if (tokens_.empty()) {
        const auto i = static_cast<size_t>(token);
        return i < probabilities_.size() ? probabilities_[i] : 0.0; // vocabularies may differ in padding
    }
    const auto found = std::lower_bound(tokens_.begin(), tokens_.end(), token);
    return found != tokens_.end() && *found == token ? probabilities_[found - tokens_.begin()] : 0.0;
}

Token Distribution::sample(double u) const {
    double cumulative = 0;
    size_t last = 0; // rounding may leave the sum below u: then the last token that is possible at all
    for (size_t i = 0; i < probabilities_.size(); ++i) {
        if (probabilities_[i] > 0) {
            cumulative += probabilities_[i];
            last = i;
            if (u < cumulative) {
                break;
            }
        }
    }
    return token(last);
}

Token Distribution::mode() const {
    const auto most = std::max_element(probabilities_.begin(), probabilities_.end());
    return token(static_cast<size_t>(most - probabilities_.begin()));
}

} // namespace specdecpp
