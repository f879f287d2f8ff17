#include "sampling.h"

#include "error.h"
#include "exponential.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace specdecpp {

namespace {

struct Candidate {
    Token token;
    float logit;
};

constexpr float impossible = -std::numeric_limits<float>::infinity();

bool likelier(const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

double weightOf(const Candidate& candidate, float highest) {
    return std::exp(static_cast<double>(candidate.logit) - highest);
}

EngineError noLogits() {
    return {"ERR_NO_LOGITS", "No token is possible: the model's output is not a number, or logitBias bans every token. "
                             "Check the file, and the biases."};
}

// In place; throws if a weight was not a number.
void normalize(std::vector<double>& weights, double total) {
    if (!std::isfinite(total)) {
        throw noLogits();
    }
    const double share = 1 / total;
    for (double& weight : weights) {
        weight *= share;
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
    Candidate best{-1, impossible};
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

// The `count` likeliest tokens, in any order. Most tokens fail one comparison with the least likely of
// the likeliest so far; of equal logits the lower token counts as the likelier.
std::vector<Candidate> likeliest(std::span<const float> logits, size_t count) {
    std::vector<Candidate> heap; // the least likely on top
    size_t i = 0;
    for (; i < logits.size() && heap.size() < count; ++i) {
        if (logits[i] > impossible) {
            heap.push_back({static_cast<Token>(i), logits[i]});
        }
    }
    std::make_heap(heap.begin(), heap.end(), likelier);
    for (; i < logits.size(); ++i) {
        if (logits[i] > heap.front().logit) {
            std::pop_heap(heap.begin(), heap.end(), likelier);
            heap.back() = {static_cast<Token>(i), logits[i]};
            std::push_heap(heap.begin(), heap.end(), likelier);
        }
    }
    return heap;
}

std::vector<Candidate> atLeast(std::span<const float> logits, float bound) {
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] >= bound && logits[i] > impossible) {
            candidates.push_back({static_cast<Token>(i), logits[i]});
        }
    }
    return candidates;
}

// Nucleus sampling (Holtzman et al. 2020): the fewest likeliest candidates whose weights reach `needed`.
// Cuts the candidates in two where it helps instead of sorting them.
void keepNucleus(std::vector<Candidate>& candidates, float highest, double needed) {
    auto low = candidates.begin(); // all before it are in
    auto high = candidates.end();  // all from it on are out
    double reached = 0;
    while (high - low > 1) {
        const auto middle = low + (high - low) / 2;
        std::nth_element(low, middle, high, likelier);
        double weight = 0;
        for (auto candidate = low; candidate != middle; ++candidate) {
            weight += weightOf(*candidate, highest);
        }
        if (reached + weight >= needed) {
            high = middle;
        } else {
            reached += weight;
            low = middle;
        }
    }
    candidates.erase(high, candidates.end());
}

// The likeliest tokens of the whole vocabulary, enough of them to hold the nucleus.
std::vector<Candidate> nucleusCandidates(std::span<const float> logits, float highest, double needed) {
    for (float depth = 4;; depth *= 2) { // nats below the most probable
        std::vector<Candidate> candidates = atLeast(logits, highest - depth);
        double weight = 0;
        for (const Candidate& candidate : candidates) {
            weight += weightOf(candidate, highest);
        }
        if (weight >= needed || depth > 1000) {
            return candidates;
        }
    }
}

Distribution softmax(std::span<const float> logits, float highest, double temperature) {
    std::vector<double> probabilities(logits.size());
    const double total = exponentials(logits, highest, static_cast<float>(1 / temperature), probabilities);
    normalize(probabilities, total);
    return Distribution::dense(std::move(probabilities));
}

// What top-k, top-p and min-p leave, in this order.
std::vector<Candidate> candidatesOf(std::span<const float> logits, float highest, const SamplingSettings& settings) {
    const float floor = settings.minP > 0 ? highest + static_cast<float>(std::log(settings.minP)) : impossible;
    if (settings.topK == 0 && settings.topP >= 1) {
        return atLeast(logits, floor);
    }
    std::vector<Candidate> candidates;
    if (settings.topK > 0) {
        candidates = likeliest(logits, static_cast<size_t>(settings.topK));
        double total = 0;
        for (const Candidate& candidate : candidates) {
            total += weightOf(candidate, highest);
        }
        if (settings.topP < 1) {
            keepNucleus(candidates, highest, settings.topP * total);
        }
    } else {
        const double needed = settings.topP * sumOfExponentials(logits, highest, 1);
        candidates = nucleusCandidates(logits, highest, needed);
        keepNucleus(candidates, highest, needed);
    }
    std::erase_if(candidates, [floor](const Candidate& candidate) { return candidate.logit < floor; });
    return candidates;
}

Distribution truncatedSoftmax(std::span<const float> logits, float highest, const SamplingSettings& settings) {
    std::vector<Candidate> candidates = candidatesOf(logits, highest, settings);
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
    std::vector<Token> tokens;
    std::vector<double> probabilities;
    double total = 0;
    for (const Candidate& candidate : candidates) {
        tokens.push_back(candidate.token);
        probabilities.push_back(std::exp((static_cast<double>(candidate.logit) - highest) / settings.temperature));
        total += probabilities.back();
    }
    normalize(probabilities, total);
    return Distribution::sparse(std::move(tokens), std::move(probabilities));
}

} // namespace

SamplingSettings SamplingSettings::ofDraft() const {
    SamplingSettings draft = *this;
    if (draftTopK > 0) {
        draft.topK = topK > 0 ? std::min(topK, draftTopK) : draftTopK;
    }
    return draft;
}

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
    return settings.truncates() ? truncatedSoftmax(logits, best.logit, settings)
                                : softmax(logits, best.logit, settings.temperature);
}

double logProbability(std::span<const float> logits, Token token) {
    const float highest = mostLikely(logits).logit;
    const double total = sumOfExponentials(logits, highest, 1);
    return static_cast<double>(logits[static_cast<size_t>(token)]) - highest - std::log(total);
}

} // namespace specdecpp
