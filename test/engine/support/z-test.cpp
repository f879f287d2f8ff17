#include "z-test.h"

#include "demo.h"
#include "teacher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <span>

using namespace specdecpp;

namespace {

// log q where truncation has left q = 0: as if it were this.
constexpr double smallestQ = 1e-6;

void addText(Cell& cell, const Text& text, const SamplingSettings& settings) {
    const auto targetRows = teacherForce(demoTarget(), text.tokens, text.promptLength);
    const auto draftRows = teacherForce(demoDraft(), text.tokens, text.promptLength);
    for (size_t i = 0; i < text.replyLength(); ++i) {
        const auto history = std::span<const Token>(text.tokens).first(text.promptLength + i);
        const Distribution p = nextTokenDistribution(targetRows[i], history, settings);
        const Distribution q = nextTokenDistribution(draftRows[i], history, settings);
        const Token drawn = text.tokens[text.promptLength + i];
        if (p.probability(drawn) == 0) {
            ++cell.impossible; // at the edge of a truncation kernels may differ by a token
            continue;
        }
        for (Statistic& statistic : cell.statistics) {
            statistic.add(p, q, drawn);
        }
    }
    cell.tokens += static_cast<int>(text.replyLength());
    cell.drafted += text.drafted;
    cell.accepted += text.accepted;
}

} // namespace

void Statistic::add(const Distribution& p, const Distribution& q, Token drawn) {
    double mean = 0;
    double square = 0;
    for (size_t i = 0; i < p.probabilities().size(); ++i) {
        const double probability = p.probabilities()[i];
        if (probability > 0) {
            const double value = f(probability, q.probability(p.token(i)));
            mean += probability * value;
            square += probability * value * value;
        }
    }
    excess += f(p.probability(drawn), q.probability(drawn)) - mean;
    variance += std::max(0.0, square - mean * mean);
}

double Cell::largest() const {
    double z = 0;
    for (const Statistic& statistic : statistics) {
        z = std::max(z, std::abs(statistic.z()));
    }
    return z;
}

Cell measureTexts(const std::string& name, const SamplingSettings& settings, uint64_t seed, int tokens,
                  const std::function<Text(const std::vector<Token>& prompt, uint64_t seed)>& generateText) {
    Cell cell{{
        Statistic{"log p", [](double p, double) { return std::log(p); }},
        Statistic{"log q", [](double, double q) { return std::log(std::max(q, smallestQ)); }},
        Statistic{"q < 0.1", [](double, double q) { return q < 0.1 ? 1.0 : 0.0; }},
    }};
    for (size_t i = 0; cell.tokens < tokens; ++i) {
        addText(cell, generateText(demoPrompts()[i % demoPrompts().size()], seed + i), settings);
    }
    std::string line = name + ", T = " + std::to_string(settings.temperature).substr(0, 3) +
                       (settings.truncates() ? ", truncated" : "") + (settings.penalizes() ? ", penalties" : "") +
                       ", seed " + std::to_string(seed) + ": " + std::to_string(cell.tokens) + " tokens, " +
                       std::to_string(cell.accepted) + " of " + std::to_string(cell.drafted) + " accepted, z";
    for (const Statistic& statistic : cell.statistics) {
        line += std::string("  ") + statistic.name + ": " + std::to_string(statistic.z()).substr(0, 5);
    }
    MESSAGE(line);
    return cell;
}

Cell measure(const Verifier& verifier, const NamedRule& rule, const SamplingSettings& settings, uint64_t seed,
             int tokens) {
    SessionOptions sessionSettings = sessionOptions(rule.rule.length);
    sessionSettings.head = rule.head;
    Session session(demoTarget(), demoDraft(), sessionSettings);
    RoundOptions options = roundOptions(rule.rule.length, verifier);
    options.rule = rule.rule;
    std::optional<Lengths> lengths = rule.lengths; // remember over texts, as an engine's rules do
    return measureTexts(std::string(verifier.name) + ", " + rule.name, settings, seed, tokens,
                        [&](const std::vector<Token>& prompt, uint64_t textSeed) {
                            return generate(session, prompt, settings, textSeed, options, 200,
                                            lengths ? &*lengths : nullptr);
                        });
}

double checkLossless(const Verifier& verifier, const NamedRule& rule, const SamplingSettings& settings, uint64_t seed) {
    const Cell cell = measure(verifier, rule, settings, seed, tokensPerCell);
    CHECK(cell.largest() < exactBound);
    CHECK(cell.impossible <= cell.tokens / 500);
    CHECK(cell.drafted > 0);
    return cell.largest();
}

SamplingSettings plainSampling(double temperature) {
    SamplingSettings settings;
    settings.temperature = temperature;
    return settings;
}

SamplingSettings truncatedSampling(double temperature) {
    SamplingSettings settings = plainSampling(temperature);
    settings.topK = 40;
    settings.topP = 0.95;
    return settings;
}

SamplingSettings penalizedSampling() {
    SamplingSettings settings = plainSampling(1);
    settings.repeatPenalty = 1.3;
    settings.frequencyPenalty = 0.2;
    return settings;
}
