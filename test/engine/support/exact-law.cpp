#include "exact-law.h"

#include "decisions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace specdecpp;

namespace {

double highest(const Distribution& q) {
    return q.probability(q.mode());
}

class Enumeration {
public:
    Enumeration(ToyLanguage& language, const Verifier& verifier, const ToyRule& rule, Token end)
        : language_(language), verifier_(verifier), rule_(rule), end_(end) {}

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

    // One round: what it adds.
    void draft(const Tokens& text, const Tokens& drafted, double mass, Law& round) {
        const Distribution& q = language_.q(joined(text, drafted));
        if (ended(drafted) || !rule_.continues(drafted, q)) {
            verify(text, drafted, mass, round);
            return;
        }
        for (Token token = 0; token < language_.size(); ++token) {
            const double probability =
                verifier_.proposal == Proposal::mode ? static_cast<double>(q.mode() == token) : q.probability(token);
            if (probability == 0) {
                continue;
            }
            if (rule_.drops(token, q)) {
                verify(text, drafted, mass * probability, round);
            } else {
                draft(text, joined(drafted, {token}), mass * probability, round);
            }
        }
    }

    double accepted() const { return accepted_; } // on average, over all of draft()

private:
    bool ended(const Tokens& text) const { return !text.empty() && text.back() == end_; }

    void verify(const Tokens& text, const Tokens& drafted, double mass, Law& round) {
        const auto [p, q] = language_.rowsOf(text, drafted);
        for (const auto& [verdict, probability] : decisions(verifier_, drafted, p, q, !ended(drafted))) {
            Tokens added(drafted.begin(), drafted.begin() + verdict.first);
            if (verdict.second) {
                added.push_back(*verdict.second);
            }
            round[added] += mass * probability;
            accepted_ += mass * probability * verdict.first;
        }
    }

    ToyLanguage& language_;
    const Verifier& verifier_;
    const ToyRule& rule_;
    Token end_;
    std::map<Tokens, Law> rounds_;
    double accepted_ = 0;
};

void extendPlainly(ToyLanguage& language, const Tokens& text, double mass, size_t length, Token end, Law& law) {
    if (text.size() == length || (!text.empty() && text.back() == end)) {
        law[text] += mass;
        return;
    }
    for (Token token = 0; token < language.size(); ++token) {
        if (const double p = language.p(text).probability(token); p > 0) {
            extendPlainly(language, joined(text, {token}), mass * p, length, end, law);
        }
    }
}

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

} // namespace

ToyRule fixedLength(size_t length) {
    return {"fixed " + std::to_string(length),
            [length](const Tokens& drafted, const Distribution&) { return drafted.size() < length; }};
}

std::vector<ToyRule> toyRules() {
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

Law generatedLaw(ToyLanguage& language, const Verifier& verifier, const ToyRule& rule, size_t length, Token end) {
    Law law;
    Enumeration(language, verifier, rule, end).extend({}, 1, length, law);
    return law;
}

Law targetLaw(ToyLanguage& language, size_t length, Token end) {
    Law law;
    extendPlainly(language, {}, 1, length, end, law);
    return law;
}

double totalVariation(ToyLanguage& language, const Verifier& verifier, const ToyRule& rule, size_t length, Token end) {
    return totalVariation(generatedLaw(language, verifier, rule, length, end), targetLaw(language, length, end));
}

double expectedAccepted(ToyLanguage& language, const Verifier& verifier, const ToyRule& rule, const Tokens& text) {
    Enumeration enumeration(language, verifier, rule, noEnd);
    Law round;
    enumeration.draft(text, {}, 1, round);
    return enumeration.accepted();
}

void checkExact(const Verifier& verifier, Token end) {
    double worst = 0;
    int laws = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        const int size = 2 + static_cast<int>(seed % 3);
        for (const ToyRule& rule : toyRules()) {
            ToyLanguage language(size, seed);
            const double distance = totalVariation(language, verifier, rule, 4, end);
            INFO("seed ", seed, ", vocabulary ", size, ", rule ", rule.name);
            CHECK(distance < 1e-12);
            worst = std::max(worst, distance);
            ++laws;
        }
    }
    MESSAGE(std::string(verifier.name), ": ", laws, " laws, the largest total variation ", worst);
}
