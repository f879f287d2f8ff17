#include "sampling.h"

#include "error.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace specdecpp {

namespace {

struct Candidate {
    Token token;
    float logit;
};

bool likelier(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

EngineError noLogits() {
    return {"ERR_NO_LOGITS", "No token is possible: the model's output is not a number, or logitBias bans every token. "
                             "Check the file, and the biases."};
}

// In place; throws if a weight was not a number.
void normalize(std::vector<double>& weights) {
    double total = 0;
    for (const double weight : weights) {
        total += weight;
    }
    if (!std::isfinite(total)) {
        throw noLogits();
    }
    for (double& weight : weights) {
        weight /= total;
    }
}

void applyBias(std::vector<float>& logits, const SamplingSettings& settings) {
    for (const auto& [token, bias] : settings.logitBias) {
        if (static_cast<size_t>(token) < logits.size()) { // the draft's vocabulary may have less padding
            logits[static_cast<size_t>(token)] += bias;
        }
    }
}

// As llama.cpp's penalties sampler: the repeat penalty divides a positive logit and multiplies a
// negative one; frequency and presence are subtracted (Keskar et al. 2019, eq. 3; OpenAI's API).
void applyPenalties(std::vector<float>& logits, std::span<const Token> history, const SamplingSettings& settings) {
    const auto window = std::min(history.size(), static_cast<size_t>(settings.penaltyWindow));
    std::unordered_map<Token, int> counts;
    for (const Token token : history.last(window)) {
        ++counts[token];
    }
    for (const auto& [token, count] : counts) {
        if (static_cast<size_t>(token) >= logits.size()) {
            continue;
        }
        float& logit = logits[static_cast<size_t>(token)];
        const auto repeat = static_cast<float>(settings.repeatPenalty);
        logit = logit <= 0 ? logit * repeat : logit / repeat;
        logit -= static_cast<float>(count * settings.frequencyPenalty + settings.presencePenalty);
    }
}

Candidate mostLikely(std::span<const float> logits) {
    Candidate best{-1, -std::numeric_limits<float>::infinity()};
    for (size_t i = 0; i < logits.size(); ++i) {
        if (!(logits[i] <= best.logit)) { // so that one that is not a number gets in, and is found
            if (std::isnan(logits[i])) {
                throw noLogits();
            }
            best = {static_cast<Token>(i), logits[i]};
        }
    }
    if (best.token < 0 || std::isinf(best.logit)) {
        throw noLogits();
    }
    return best;
}

// Keeps the `count` likeliest candidates, in any order.
void keepTop(std::vector<Candidate>& candidates, size_t count) {
    if (count < candidates.size()) {
        std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end(),
                         likelier);
        candidates.resize(count);
    }
}

// Nucleus sampling (Holtzman et al. 2020): the fewest likeliest candidates whose probabilities, at
// temperature 1 and among the candidates, reach topP. Sorts only as many as that takes.
void keepNucleus(std::vector<Candidate>& candidates, float highest, double topP) {
    const auto weight = [highest](const Candidate& c) { return std::exp(static_cast<double>(c.logit) - highest); };
    double total = 0;
    for (const Candidate& candidate : candidates) {
        total += weight(candidate);
    }
    double cumulative = 0;
    size_t sorted = 0;
    for (size_t chunk = 64; sorted < candidates.size(); chunk *= 2) {
        const auto from = candidates.begin() + static_cast<std::ptrdiff_t>(sorted);
        const size_t end = std::min(candidates.size(), sorted + chunk);
        const auto to = candidates.begin() + static_cast<std::ptrdiff_t>(end);
        std::partial_sort(from, to, candidates.end(), likelier);
        for (; sorted < end; ++sorted) {
            cumulative += weight(candidates[sorted]);
            if (cumulative >= topP * total) {
                candidates.resize(sorted + 1);
                return;
            }
        }
    }
}

Distribution softmax(std::span<const float> logits, float highest, double temperature) {
    std::vector<double> probabilities(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) {
        probabilities[i] = std::exp(static_cast<float>((logits[i] - highest) / temperature));
    }
    normalize(probabilities);
    return Distribution::dense(std::move(probabilities));
}

Distribution truncatedSoftmax(std::span<const float> logits, const Candidate& best, const SamplingSettings& settings) {
    // min-p first narrows the field cheaply; it commutes with top-k and top-p, which cut from the
    // unlikely end as well, but for the total that top-p relates to.
    const float floor = settings.minP > 0 && settings.topP >= 1
                            ? best.logit + static_cast<float>(std::log(settings.minP))
                            : -std::numeric_limits<float>::infinity();
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] >= floor && logits[i] > -std::numeric_limits<float>::infinity()) {
            candidates.push_back({static_cast<Token>(i), logits[i]});
        }
    }
    if (settings.topK > 0) {
        keepTop(candidates, static_cast<size_t>(settings.topK));
    }
    if (settings.topP < 1) {
        keepNucleus(candidates, best.logit, settings.topP);
    }
    if (settings.minP > 0) {
        const float bound = best.logit + static_cast<float>(std::log(settings.minP));
        std::erase_if(candidates, [bound](const Candidate& c) { return c.logit < bound; });
    }
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
    std::vector<Token> tokens;
    std::vector<double> probabilities;
    for (const Candidate& candidate : candidates) {
        tokens.push_back(candidate.token);
        probabilities.push_back(std::exp((static_cast<double>(candidate.logit) - best.logit) / settings.temperature));
    }
    normalize(probabilities);
    return Distribution::sparse(std::move(tokens), std::move(probabilities));
}

} // namespace

Distribution nextTokenDistribution(std::span<const float> logits, std::span<const Token> history,
                                   const SamplingSettings& settings) {
    std::vector<float> adjusted;
    if (!settings.logitBias.empty() || settings.penalizes()) {
        adjusted.assign(logits.begin(), logits.end());
        applyBias(adjusted, settings);
        if (settings.penalizes()) {
            applyPenalties(adjusted, history, settings);
        }
        logits = adjusted;
    }
    const Candidate best = mostLikely(logits);
    if (settings.temperature == 0) {
        return Distribution::certain(best.token);
    }
    return settings.truncates() ? truncatedSoftmax(logits, best, settings)
                                : softmax(logits, best.logit, settings.temperature);
}

double logProbability(std::span<const float> logits, Token token) {
    const float highest = mostLikely(logits).logit;
    double total = 0;
    for (const float logit : logits) {
        total += std::exp(logit - highest);
    }
    return static_cast<double>(logits[static_cast<size_t>(token)]) - highest - std::log(total);
}

} // namespace specdecpp
