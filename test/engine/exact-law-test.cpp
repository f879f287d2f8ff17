// Losslessness of drafting and verifying, exactly: over small vocabularies and short rounds the law of
// the next N tokens is added up over every draft and every decision of the verifier, and compared with
// the target's. Nothing here is sampled.

#include "rejection-sampling.h"
#include "verifier.h"

#include "support/decisions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>

using namespace specdecpp;

namespace {

using Tokens = std::vector<Token>;
using Law = std::map<Tokens, double>;

constexpr Token noEnd = -1;

// A toy language: random p and q for each prefix, made when they are asked for.
class Language {
public:
    Language(int size, unsigned seed) : size_(size), generator_(seed) {}

    const Distribution& p(const Tokens& prefix) { return rows(prefix).first; }
    const Distribution& q(const Tokens& prefix) { return rows(prefix).second; }
    int size() const { return size_; }

private:
    const std::pair<Distribution, Distribution>& rows(const Tokens& prefix) {
        const auto found = rows_.find(prefix);
        return found != rows_.end() ? found->second : rows_.emplace(prefix, make()).first->second;
    }

    std::pair<Distribution, Distribution> make() {
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

    std::vector<double> row(double zeros) {
        std::uniform_real_distribution<double> uniform(0.01, 1);
        std::vector<double> weights(static_cast<size_t>(size_));
        for (double& weight : weights) {
            weight = uniform(generator_) < zeros ? 0 : uniform(generator_);
        }
        weights[generator_() % weights.size()] += 0.2;
        return weights;
    }

    Distribution distribution(std::vector<double> weights) {
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

    int size_;
    std::mt19937_64 generator_;
    std::map<Tokens, std::pair<Distribution, Distribution>> rows_;
};

// When a round stops: asked before a token is drawn, with the tokens drafted so far and the
// distribution it would be drawn from.
struct Shape {
    const char* name;
    std::function<bool(const Tokens& drafted, const Distribution& q)> continues;
    // The known mistake: whether a token that has been drawn is dropped after all.
    std::function<bool(Token drawn, const Distribution& q)> drops = [](Token, const Distribution&) { return false; };
};

double highest(const Distribution& q) {
    return q.probability(q.mode());
}

Shape fixedLength(size_t length) {
    return {"fixed", [length](const Tokens& drafted, const Distribution&) { return drafted.size() < length; }};
}

std::vector<Shape> shapes() {
    return {
        fixedLength(0),
        fixedLength(1),
        fixedLength(2),
        fixedLength(3),
        {"confidence of q",
         [](const Tokens& drafted, const Distribution& q) { return drafted.size() < 3 && highest(q) > 0.55; }},
        {"earlier drafts",
         [](const Tokens& drafted, const Distribution&) {
             return drafted.empty() || (drafted.size() < 3 && drafted.back() % 2 == 0);
         }},
        {"earlier drafts and q",
         [](const Tokens& drafted, const Distribution& q) {
             return drafted.size() < 3 && (drafted.empty() || drafted.front() != 1 || highest(q) < 0.7);
         }},
    };
}

class Enumeration {
public:
    Enumeration(Language& language, const Verifier& verifier, const Shape& shape, Token end = noEnd)
        : language_(language), verifier_(verifier), shape_(shape), end_(end) {}

    // The law of the next `length` tokens, fewer where the end comes before.
    Law generated(size_t length) {
        Law law;
        extend({}, 1, length, law);
        return law;
    }

    // The same, drawn from the target alone.
    Law target(size_t length) {
        Law law;
        extendPlainly({}, 1, length, law);
        return law;
    }

private:
    bool ended(const Tokens& text) const { return !text.empty() && text.back() == end_; }

    void extend(const Tokens& text, double mass, size_t length, Law& law) {
        if (text.size() >= length || ended(text)) {
            law[Tokens(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(length, text.size())))] +=
                mass;
            return;
        }
        if (rounds_.find(text) == rounds_.end()) {
            Law round;
            draft(text, {}, 1, round);
            rounds_[text] = std::move(round);
        }
        for (const auto& [added, probability] : rounds_[text]) {
            extend(joined(text, added), mass * probability, length, law);
        }
    }

    void extendPlainly(const Tokens& text, double mass, size_t length, Law& law) {
        if (text.size() == length || ended(text)) {
            law[text] += mass;
            return;
        }
        for (Token token = 0; token < language_.size(); ++token) {
            if (const double p = language_.p(text).probability(token); p > 0) {
                extendPlainly(joined(text, {token}), mass * p, length, law);
            }
        }
    }

    void draft(const Tokens& text, const Tokens& drafted, double mass, Law& round) {
        const Distribution& q = language_.q(joined(text, drafted));
        if (ended(drafted) || !shape_.continues(drafted, q)) {
            verify(text, drafted, mass, round);
            return;
        }
        for (Token token = 0; token < language_.size(); ++token) {
            const double probability =
                verifier_.proposal == Proposal::mode ? static_cast<double>(q.mode() == token) : q.probability(token);
            if (probability == 0) {
                continue;
            }
            if (shape_.drops(token, q)) {
                verify(text, drafted, mass * probability, round);
            } else {
                draft(text, joined(drafted, {token}), mass * probability, round);
            }
        }
    }

    void verify(const Tokens& text, const Tokens& drafted, double mass, Law& round) {
        std::vector<Distribution> p;
        std::vector<Distribution> q;
        for (size_t i = 0; i <= drafted.size(); ++i) {
            const Tokens prefix =
                joined(text, Tokens(drafted.begin(), drafted.begin() + static_cast<std::ptrdiff_t>(i)));
            p.push_back(language_.p(prefix));
            if (i < drafted.size()) {
                q.push_back(language_.q(prefix));
            }
        }
        for (const auto& [verdict, probability] : decisions(verifier_, drafted, p, q, !ended(drafted))) {
            Tokens added(drafted.begin(), drafted.begin() + verdict.first);
            if (verdict.second) {
                added.push_back(*verdict.second);
            }
            round[added] += mass * probability;
        }
    }

    static Tokens joined(Tokens a, const Tokens& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
    }

    Language& language_;
    const Verifier& verifier_;
    const Shape& shape_;
    Token end_;
    std::map<Tokens, Law> rounds_;
};

double totalVariation(const Law& a, const Law& b) {
    Law difference = a;
    for (const auto& [text, probability] : b) {
        difference[text] -= probability;
    }
    double sum = 0;
    for (const auto& [text, probability] : difference) {
        sum += std::abs(probability);
    }
    return sum / 2;
}

double totalVariation(Language& language, const Verifier& verifier, const Shape& shape, size_t length,
                      Token end = noEnd) {
    Enumeration enumeration(language, verifier, shape, end);
    return totalVariation(enumeration.generated(length), enumeration.target(length));
}

void checkExact(const Verifier& verifier, Token end) {
    double worst = 0;
    int laws = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        const int size = 2 + static_cast<int>(seed % 3);
        for (const Shape& shape : shapes()) {
            Language language(size, seed);
            const double distance = totalVariation(language, verifier, shape, 4, end);
            INFO("seed ", seed, ", vocabulary ", size, ", rule ", std::string(shape.name));
            CHECK(distance < 1e-12);
            worst = std::max(worst, distance);
            ++laws;
        }
    }
    MESSAGE(std::string(verifier.name), ": ", laws, " laws, the largest total variation ", worst);
}

Verdict residualForgotten(const VerifierInput& input, Random& random) {
    for (int i = 0; i < static_cast<int>(input.drafted.size()); ++i) {
        const Token token = input.drafted[i];
        const double a = acceptanceProbability(input.p(i).probability(token), input.q[i].probability(token));
        if (random.uniform() >= a) {
            return {i, input.p(i).sample(random.uniform())};
        }
    }
    return {static_cast<int>(input.drafted.size()),
            input.p(static_cast<int>(input.drafted.size())).sample(random.uniform())};
}

} // namespace

TEST_SUITE("exact law") {

    TEST_CASE("rejection sampling has the target's law under every rule that may be asked before a draw") {
        checkExact(rejectionSampling, noEnd);
    }

    TEST_CASE("sample-and-match has the target's law under every rule that may be asked before a draw") {
        checkExact(sampleAndMatch, noEnd);
    }

    TEST_CASE("rejection sampling has the target's law where a drafted end of the text ends the round") {
        checkExact(rejectionSampling, 0);
    }

    TEST_CASE("sample-and-match has the target's law where a drafted end of the text ends the round") {
        checkExact(sampleAndMatch, 0);
    }

    TEST_CASE("sample-and-match has the target's law even if drawn tokens are dropped") {
        const Shape dropping{"dropping", [](const Tokens& drafted, const Distribution&) { return drafted.size() < 3; },
                             [](Token drawn, const Distribution&) { return drawn == 1; }};
        Language language(3, 5);
        CHECK(totalVariation(language, sampleAndMatch, dropping, 3) < 1e-12);
    }

    TEST_CASE("a drawn token that is dropped for what it is biases rejection sampling by a quarter, and is found") {
        // p = q = (1/2, 1/2): token 0 is kept and always accepted; token 1 is dropped, and the next token
        // is drawn from p again: P(0) = 1/2 + 1/2 · 1/2 = 3/4.
        const std::vector<Distribution> half = {Distribution::dense({0.5, 0.5}), Distribution::dense({0.5, 0.5})};
        double zero = 0;
        for (const auto& [verdict, probability] : decisions(rejectionSampling, {0}, half, {half[0]}, true)) {
            zero += verdict.first == 1 ? 0.5 * probability : 0; // drawn 0
        }
        for (const auto& [verdict, probability] : decisions(rejectionSampling, {}, {half[0]}, {}, true)) {
            zero += verdict.second == Token{0} ? 0.5 * probability : 0; // drawn 1, dropped
        }
        CHECK(std::abs(zero - 0.75) < 1e-12);
    }

    TEST_CASE("dropping the newest token of low probability is found in random languages") {
        const Shape dropping{"dropping", [](const Tokens& drafted, const Distribution&) { return drafted.size() < 2; },
                             [](Token drawn, const Distribution& q) { return q.probability(drawn) < 0.5; }};
        double largest = 0;
        for (unsigned seed = 1; seed <= 12; ++seed) {
            Language language(3, seed);
            largest = std::max(largest, totalVariation(language, rejectionSampling, dropping, 2));
        }
        MESSAGE("the largest total variation ", largest);
        CHECK(largest > 0.1);
    }

    TEST_CASE("drawing from p instead of the residual is found") {
        const Verifier broken{"broken", residualForgotten, Proposal::sampled, false};
        double largest = 0;
        for (unsigned seed = 1; seed <= 12; ++seed) {
            Language language(3, seed);
            largest = std::max(largest, totalVariation(language, broken, fixedLength(1), 2));
        }
        MESSAGE("the largest total variation ", largest);
        CHECK(largest > 0.1);
    }

    TEST_CASE("the decisions of a verifier add up to one") {
        Language language(4, 3);
        const Tokens drafted = {language.q({}).mode()};
        double total = 0;
        for (const auto& [verdict, probability] :
             decisions(rejectionSampling, drafted, {language.p({}), language.p(drafted)}, {language.q({})}, true)) {
            total += probability;
        }
        CHECK(std::abs(total - 1) < 1e-12);
    }

    TEST_CASE("rejection sampling accepts with probability min(1, p/q)") {
        CHECK(acceptanceProbability(0.2, 0.4) == 0.5);
        CHECK(acceptanceProbability(0.4, 0.2) == 1);
        CHECK(acceptanceProbability(0, 0.2) == 0);
    }

    TEST_CASE("the residual is what p has above q, normalized") {
        const Distribution r = residual(Distribution::dense({0.5, 0.25, 0.25}), Distribution::dense({0.25, 0.75, 0}));
        CHECK(r.probability(0) == 0.5);
        CHECK(r.probability(1) == 0);
        CHECK(r.probability(2) == 0.5);
    }

    TEST_CASE("the residual of equal distributions is p") {
        const Distribution p = Distribution::dense({0.5, 0.5});
        CHECK(residual(p, p).probability(0) == 0.5);
    }

    TEST_CASE("verifiers are found by their names, and none by another") {
        CHECK(findVerifier("rejection") == &rejectionSampling);
        CHECK(findVerifier("match") == &sampleAndMatch);
        CHECK(findVerifier("") == nullptr);
        CHECK(findVerifier("Rejection") == nullptr);
    }

} // TEST_SUITE
