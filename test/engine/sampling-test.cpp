#include "sampling.h"

#include "support/error-code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

using namespace specdecpp;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
const float notANumber = std::numeric_limits<float>::quiet_NaN();

// Probabilities in, logits out.
std::vector<float> logitsOf(const std::vector<double>& probabilities) {
    std::vector<float> logits;
    for (const double p : probabilities) {
        logits.push_back(static_cast<float>(std::log(p)));
    }
    return logits;
}

SamplingSettings atTemperature(double temperature) {
    SamplingSettings settings;
    settings.temperature = temperature;
    return settings;
}

void checkProbabilities(const Distribution& d, const std::vector<double>& expected, double tolerance = 1e-6) {
    for (size_t i = 0; i < expected.size(); ++i) {
        INFO("token ", i);
        CHECK(std::abs(d.probability(static_cast<Token>(i)) - expected[i]) < tolerance);
    }
}

std::vector<double> next(const std::vector<float>& logits, const SamplingSettings& settings,
                         const std::vector<Token>& history = {}) {
    const Distribution d = nextTokenDistribution(logits, history, settings);
    std::vector<double> probabilities;
    for (size_t i = 0; i < logits.size(); ++i) {
        probabilities.push_back(d.probability(static_cast<Token>(i)));
    }
    return probabilities;
}

// The settings' meaning written out plainly: sort everything, then cut.
std::vector<double> reference(std::vector<float> logits, const std::vector<Token>& history, const SamplingSettings& s) {
    for (const auto& [token, bias] : s.logitBias) {
        logits[static_cast<size_t>(token)] += bias;
    }
    std::map<Token, int> counts;
    const size_t from = history.size() - std::min(history.size(), static_cast<size_t>(s.penaltyWindow));
    for (size_t i = from; i < history.size(); ++i) {
        counts[history[i]]++;
    }
    for (const auto& [token, count] : counts) {
        auto& logit = logits[static_cast<size_t>(token)];
        if (logit > 0) {
            logit /= static_cast<float>(s.repeatPenalty);
        } else {
            logit *= static_cast<float>(s.repeatPenalty);
        }
        logit -= static_cast<float>(s.presencePenalty + count * s.frequencyPenalty);
    }
    std::vector<size_t> order;
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] != -infinity) {
            order.push_back(i);
        }
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    if (s.topK > 0 && order.size() > static_cast<size_t>(s.topK)) {
        order.resize(static_cast<size_t>(s.topK));
    }
    const auto weight = [&](size_t i) { return std::exp(static_cast<double>(logits[i]) - logits[order[0]]); };
    double total = 0;
    for (const size_t i : order) {
        total += weight(i);
    }
    double cumulative = 0;
    std::vector<size_t> kept;
    for (const size_t i : order) {
        if (s.topP < 1 && cumulative >= s.topP * total) {
            break;
        }
        cumulative += weight(i);
        kept.push_back(i);
    }
    std::vector<double> probabilities(logits.size());
    double sum = 0;
    for (const size_t i : kept) {
        if (weight(i) >= s.minP) {
            probabilities[i] = std::pow(weight(i), 1 / s.temperature);
            sum += probabilities[i];
        }
    }
    for (double& p : probabilities) {
        p /= sum;
    }
    return probabilities;
}

void checkAgainstReference(const std::vector<float>& logits, const std::vector<Token>& history,
                           const SamplingSettings& settings) {
    const std::vector<double> expected = reference(logits, history, settings);
    const std::vector<double> got = next(logits, settings, history);
    double worst = 0;
    bool sameSupport = true;
    for (size_t i = 0; i < logits.size(); ++i) {
        worst = std::max(worst, std::abs(expected[i] - got[i]));
        sameSupport &= (expected[i] > 0) == (got[i] > 0);
    }
    CHECK(worst < 1e-6);
    CHECK(sameSupport);
}

} // namespace

TEST_SUITE("sampling") {

    TEST_CASE("at temperature 1 and nothing else the model's own probabilities come out") {
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.2, 0.3, 0.4}), {}, atTemperature(1)),
                           {0.1, 0.2, 0.3, 0.4});
    }

    TEST_CASE("temperature raises probabilities to the power 1/T") {
        // 0.2² : 0.8² = 1 : 16
        checkProbabilities(nextTokenDistribution(logitsOf({0.2, 0.8}), {}, atTemperature(0.5)), {1.0 / 17, 16.0 / 17});
        // √0.1 : √0.9 = 1 : 3
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.9}), {}, atTemperature(2)), {0.25, 0.75});
    }

    TEST_CASE("temperature 0 is certain of the likeliest token, of several the lowest") {
        const std::vector<float> logits = {1, 3, 2, 3};
        const Distribution d = nextTokenDistribution(logits, {}, atTemperature(0));
        CHECK(d.probability(1) == 1);
        CHECK(d.probability(3) == 0);
        CHECK(d.probabilities().size() == 1);
    }

    TEST_CASE("logits far from one another neither overflow nor vanish") {
        const std::vector<float> logits = {3000, 3000, -3000};
        checkProbabilities(nextTokenDistribution(logits, {}, atTemperature(0.1)), {0.5, 0.5, 0});
    }

    TEST_CASE("top-k keeps the k likeliest tokens") {
        SamplingSettings settings = atTemperature(1);
        settings.topK = 2;
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.3, 0.45, 0.15}), {}, settings), {0, 0.4, 0.6, 0});
    }

    TEST_CASE("top-k keeps exactly k among equals, the lowest of them") {
        SamplingSettings settings = atTemperature(1);
        settings.topK = 3;
        checkProbabilities(nextTokenDistribution(std::vector<float>{1, 0, 1, 1, 1}, {}, settings),
                           {1.0 / 3, 0, 1.0 / 3, 1.0 / 3, 0});
    }

    TEST_CASE("a top-k of the vocabulary's size or more changes nothing") {
        SamplingSettings settings = atTemperature(1);
        for (const int k : {4, 5, 1000000}) {
            settings.topK = k;
            checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.2, 0.3, 0.4}), {}, settings),
                               {0.1, 0.2, 0.3, 0.4});
        }
    }

    TEST_CASE("top-p keeps the fewest likeliest tokens that reach it") {
        SamplingSettings settings = atTemperature(1);
        settings.topP = 0.6;
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.2, 0.3, 0.4}), {}, settings),
                           {0, 0, 3.0 / 7, 4.0 / 7});
    }

    TEST_CASE("top-p exactly on the bound takes no token more") {
        // Four equal logits have weights of exactly one, so 0.5 is exactly two of them.
        SamplingSettings settings = atTemperature(1);
        settings.topP = 0.5;
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0, 0, 0}, {}, settings), {0.5, 0.5, 0, 0});
        settings.topP = std::nextafter(0.5, 1);
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0, 0, 0}, {}, settings),
                           {1.0 / 3, 1.0 / 3, 1.0 / 3, 0});
    }

    TEST_CASE("a top-p of almost nothing keeps the likeliest token") {
        SamplingSettings settings = atTemperature(1);
        settings.topP = 1e-9;
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.6, 0.3}), {}, settings), {0, 1, 0});
    }

    TEST_CASE("min-p keeps the tokens at least that probable relative to the likeliest") {
        SamplingSettings settings = atTemperature(1);
        settings.minP = 0.4; // of 0.5: 0.2
        checkProbabilities(nextTokenDistribution(logitsOf({0.5, 0.25, 0.15, 0.1}), {}, settings),
                           {2.0 / 3, 1.0 / 3, 0, 0});
    }

    TEST_CASE("a min-p of 1 keeps the tokens that are as probable as the likeliest") {
        SamplingSettings settings = atTemperature(1);
        settings.minP = 1;
        checkProbabilities(nextTokenDistribution(std::vector<float>{2, 1, 2}, {}, settings), {0.5, 0, 0.5});
    }

    TEST_CASE("truncation looks at probabilities before the temperature") {
        // At temperature 1 the nucleus of 0.6 is {0.4, 0.3}; at 0.5 it would be {0.4² / Σ, …} of one more mass.
        SamplingSettings settings = atTemperature(0.5);
        settings.topP = 0.6;
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.2, 0.3, 0.4}), {}, settings),
                           {0, 0, 9.0 / 25, 16.0 / 25});
    }

    TEST_CASE("top-p relates to what top-k has left") {
        // Of {0.4, 0.3} the first has 4/7 = 0.571: enough for 0.55, though 0.4 of all is not.
        SamplingSettings settings = atTemperature(1);
        settings.topK = 2;
        settings.topP = 0.55;
        checkProbabilities(nextTokenDistribution(logitsOf({0.1, 0.2, 0.3, 0.4}), {}, settings), {0, 0, 0, 1});
    }

    TEST_CASE("every combination of truncations agrees with a plain implementation") {
        const unsigned seed = 7;
        INFO("seed ", seed);
        std::mt19937_64 generator(seed);
        std::normal_distribution<float> normal(0, 2);
        for (const int size : {1, 2, 5, 63, 64, 65, 200, 1000}) {
            for (const int topK : {0, 1, 3, 40, 100}) {
                for (const double topP : {1.0, 0.05, 0.5, 0.95, 0.9999}) {
                    for (const double minP : {0.0, 0.01, 0.3}) {
                        CAPTURE(size);
                        CAPTURE(topK);
                        CAPTURE(topP);
                        CAPTURE(minP);
                        std::vector<float> logits(static_cast<size_t>(size));
                        std::generate(logits.begin(), logits.end(), [&] { return normal(generator); });
                        SamplingSettings settings = atTemperature(0.8);
                        settings.topK = topK;
                        settings.topP = topP;
                        settings.minP = minP;
                        checkAgainstReference(logits, {}, settings);
                    }
                }
            }
        }
    }

    TEST_CASE("a nucleus of hundreds of tokens is found whole") {
        const unsigned seed = 8;
        INFO("seed ", seed);
        std::mt19937_64 generator(seed);
        std::normal_distribution<float> normal(0, 0.5); // almost flat: the nucleus is long
        for (const double topP : {0.02, 0.1, 0.3, 0.5, 0.9, 0.99}) {
            CAPTURE(topP);
            std::vector<float> logits(4096);
            std::generate(logits.begin(), logits.end(), [&] { return normal(generator); });
            SamplingSettings settings = atTemperature(1);
            settings.topP = topP;
            checkAgainstReference(logits, {}, settings);
            if (topP == 0.9) {
                CHECK(nextTokenDistribution(logits, {}, settings).probabilities().size() > 1000);
            }
        }
    }

    TEST_CASE("the support of a truncated distribution is in ascending order") {
        SamplingSettings settings = atTemperature(1);
        settings.topK = 3;
        const Distribution d = nextTokenDistribution(logitsOf({0.3, 0.05, 0.4, 0.25}), {}, settings);
        REQUIRE(d.probabilities().size() == 3);
        CHECK(d.token(0) == 0);
        CHECK(d.token(1) == 2);
        CHECK(d.token(2) == 3);
    }

    TEST_CASE("the repeat penalty divides positive logits and multiplies negative ones, once for each token") {
        SamplingSettings settings = atTemperature(1);
        settings.repeatPenalty = 2;
        const std::vector<float> logits = {2, -1, 1};
        const double a = std::exp(1.0);  // 2 / 2
        const double b = std::exp(-2.0); // -1 · 2
        const double c = std::exp(1.0);  // not seen
        const std::vector<Token> history = {0, 1, 0};
        checkProbabilities(nextTokenDistribution(logits, history, settings),
                           {a / (a + b + c), b / (a + b + c), c / (a + b + c)});
    }

    TEST_CASE("the presence penalty is subtracted once for a token that has occurred") {
        SamplingSettings settings = atTemperature(1);
        settings.presencePenalty = 0.5;
        const double a = std::exp(-0.5);
        const std::vector<Token> history = {0, 0, 0};
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0}, history, settings),
                           {a / (a + 1), 1 / (a + 1)});
    }

    TEST_CASE("the frequency penalty is subtracted for each time that a token has occurred") {
        SamplingSettings settings = atTemperature(1);
        settings.frequencyPenalty = 0.5;
        const double a = std::exp(-1.5);
        const std::vector<Token> history = {0, 0, 0};
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0}, history, settings),
                           {a / (a + 1), 1 / (a + 1)});
    }

    TEST_CASE("penalties look at the window's tokens alone") {
        SamplingSettings settings = atTemperature(1);
        settings.frequencyPenalty = 1;
        settings.penaltyWindow = 2;
        const std::vector<Token> history = {0, 0, 0, 1};
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0}, history, settings),
                           {0.5, 0.5}); // one of each
        settings.penaltyWindow = 0;
        settings.presencePenalty = 3;
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 1}, history, settings),
                           {1 / (1 + std::exp(1.0)), std::exp(1.0) / (1 + std::exp(1.0))});
    }

    TEST_CASE("penalties come after the bias and before the truncation, as a plain implementation has it") {
        const unsigned seed = 9;
        INFO("seed ", seed);
        std::mt19937_64 generator(seed);
        std::normal_distribution<float> normal(0, 2);
        std::uniform_int_distribution<Token> token(0, 29);
        for (int round = 0; round < 200; ++round) {
            std::vector<float> logits(30);
            std::generate(logits.begin(), logits.end(), [&] { return normal(generator); });
            std::vector<Token> history(static_cast<size_t>(token(generator)));
            std::generate(history.begin(), history.end(), [&] { return token(generator); });
            SamplingSettings settings = atTemperature(0.7);
            settings.repeatPenalty = 1.3;
            settings.frequencyPenalty = 0.2;
            settings.presencePenalty = round % 2 == 0 ? 0.4 : -0.4;
            settings.penaltyWindow = 10;
            settings.logitBias = {{3, 2.5F}, {5, -infinity}};
            settings.topK = round % 3 == 0 ? 0 : 12;
            settings.topP = round % 5 == 0 ? 1 : 0.9;
            checkAgainstReference(logits, history, settings);
        }
    }

    TEST_CASE("a logit bias is added") {
        SamplingSettings settings = atTemperature(1);
        settings.logitBias = {{0, static_cast<float>(std::log(3.0))}};
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0}, {}, settings), {0.75, 0.25});
    }

    TEST_CASE("a bias of minus infinity bans a token in every mode") {
        SamplingSettings settings = atTemperature(1);
        settings.logitBias = {{1, -infinity}};
        const std::vector<float> logits = {0, 5, 0};
        CHECK(next(logits, settings) == std::vector<double>{0.5, 0, 0.5});
        settings.topK = 3;
        CHECK(next(logits, settings) == std::vector<double>{0.5, 0, 0.5});
        settings.topK = 0;
        settings.topP = 0.99;
        CHECK(next(logits, settings) == std::vector<double>{0.5, 0, 0.5});
        settings.temperature = 0;
        CHECK(next(logits, settings) == std::vector<double>{1, 0, 0});
    }

    TEST_CASE("a bias of a token that the vocabulary does not have is of no effect") {
        SamplingSettings settings = atTemperature(1);
        settings.logitBias = {{2, 5.0F}};
        checkProbabilities(nextTokenDistribution(std::vector<float>{0, 0}, {}, settings), {0.5, 0.5});
    }

    TEST_CASE("logits that are not numbers are ERR_NO_LOGITS") {
        SamplingSettings truncated = atTemperature(1);
        truncated.topK = 2;
        for (const SamplingSettings& settings : {atTemperature(0), atTemperature(1), truncated}) {
            CAPTURE(settings.temperature);
            CAPTURE(settings.topK);
            const std::vector<float> all(4, notANumber);
            CHECK(errorCode([&] { nextTokenDistribution(all, {}, settings); }) == "ERR_NO_LOGITS");
        }
    }

    TEST_CASE("a single logit that is not a number is ERR_NO_LOGITS") {
        SamplingSettings truncated = atTemperature(1);
        truncated.topK = 2;
        for (const SamplingSettings& settings : {atTemperature(0), atTemperature(1), truncated}) {
            CAPTURE(settings.temperature);
            CAPTURE(settings.topK);
            const std::vector<float> one = {1, notANumber, 0, 2};
            CHECK(errorCode([&] { nextTokenDistribution(one, {}, settings); }) == "ERR_NO_LOGITS");
        }
    }

    TEST_CASE("an infinite logit is ERR_NO_LOGITS") {
        const std::vector<float> logits = {1, infinity, 0};
        CHECK(errorCode([&] { nextTokenDistribution(logits, {}, atTemperature(1)); }) == "ERR_NO_LOGITS");
    }

    TEST_CASE("when every token is banned it is ERR_NO_LOGITS") {
        SamplingSettings settings = atTemperature(1);
        settings.logitBias = {{0, -infinity}, {1, -infinity}};
        const std::vector<float> logits = {1, 2};
        CHECK(errorCode([&] { nextTokenDistribution(logits, {}, settings); }) == "ERR_NO_LOGITS");
        settings.temperature = 0;
        CHECK(errorCode([&] { nextTokenDistribution(logits, {}, settings); }) == "ERR_NO_LOGITS");
    }

    TEST_CASE("logProbability is the logarithm of the softmax, however far the logits are from zero") {
        const std::vector<double> probabilities = {0.1, 0.2, 0.3, 0.4};
        for (const float shift : {0.0F, 500.0F, -500.0F}) {
            std::vector<float> logits = logitsOf(probabilities);
            for (float& logit : logits) {
                logit += shift;
            }
            for (size_t i = 0; i < logits.size(); ++i) {
                CHECK(std::abs(logProbability(logits, static_cast<Token>(i)) - std::log(probabilities[i])) < 1e-4);
            }
        }
    }

} // TEST_SUITE
