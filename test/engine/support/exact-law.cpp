#include "exact-law.h"

#include "decisions.h"

#include "rejection-sampling.h"

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

    void extend(const Tokens& text, double mass, size_t length, Law& law) { extend(text, start(), mass, length, law); }

    // Tokens that a round after `text` accepts, on average.
    double accepted(const Tokens& text) {
        accepted_ = 0;
        Outcomes round;
        draft({text, start()}, {}, 1, round);
        return accepted_;
    }

private:
    // What a round knows when it begins; what it adds, and what is then remembered.
    using State = std::pair<Tokens, Lengths::Memory>;
    using Outcomes = std::map<State, double>;

    Lengths::Memory start() const { return rule_.lengths ? rule_.lengths->memory : Lengths::Memory{}; }

    void extend(const Tokens& text, const Lengths::Memory& memory, double mass, size_t length, Law& law) {
        if (text.size() >= length || ended(text)) {
            law[Tokens(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(length, text.size())))] +=
                mass;
            return;
        }
        const State state{text, memory};
        if (rounds_.find(state) == rounds_.end()) {
            Outcomes round;
            draft(state, {}, 1, round);
            rounds_[state] = std::move(round);
        }
        for (const auto& [outcome, probability] : rounds_[state]) {
            const auto& [added, remembered] = outcome;
            extend(joined(text, added), remembered, mass * probability, length, law);
        }
    }

    void draft(const State& state, const Tokens& drafted, double mass, Outcomes& round) {
        const Distribution& q = language_.q(joined(state.first, drafted));
        if (ended(drafted) || isFull(drafted, state.second) || !rule_.continues(drafted, q)) {
            verify(state, drafted, mass, round);
            return;
        }
        for (Token token = 0; token < language_.size(); ++token) {
            const double probability =
                verifier_.proposal == Proposal::mode ? static_cast<double>(q.mode() == token) : q.probability(token);
            if (probability == 0) {
                continue;
            }
            if (rule_.drops(token, q)) {
                verify(state, drafted, mass * probability, round);
            } else {
                draft(state, joined(drafted, {token}), mass * probability, round);
            }
        }
    }

    bool ended(const Tokens& text) const { return !text.empty() && text.back() == end_; }

    bool isFull(const Tokens& drafted, const Lengths::Memory& memory) const {
        return rule_.lengths && static_cast<int>(drafted.size()) >= rule_.lengths->next(memory);
    }

    void verify(const State& state, const Tokens& drafted, double mass, Outcomes& round) {
        const auto [p, q] = language_.rowsOf(state.first, drafted);
        for (const auto& [verdict, probability] : decisions(verifier_, drafted, p, q, !ended(drafted))) {
            Tokens added(drafted.begin(), drafted.begin() + verdict.first);
            if (verdict.second) {
                added.push_back(*verdict.second);
            }
            Lengths::Memory remembered;
            if (rule_.lengths) {
                remembered = rule_.lengths->after(state.second, roundOf(drafted, verdict.first, p, q));
            }
            round[{added, remembered}] += mass * probability;
            accepted_ += mass * probability * verdict.first;
        }
    }

    // What lengths look at.
    Round roundOf(const Tokens& drafted, int accepted, const std::vector<Distribution>& p,
                  const std::vector<Distribution>& q) const {
        Round round;
        round.drafted = static_cast<int>(drafted.size());
        round.accepted = accepted;
        for (size_t i = 0; i < drafted.size(); ++i) {
            DraftedToken token{};
            const double probability = p[i].probability(drafted[i]);
            token.acceptance = verifier_.proposal == Proposal::mode
                                   ? probability
                                   : acceptanceProbability(probability, q[i].probability(drafted[i]));
            round.draft.push_back(token);
        }
        return round;
    }

    ToyLanguage& language_;
    const Verifier& verifier_;
    const ToyRule& rule_;
    Token end_;
    std::map<State, Outcomes> rounds_;
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

ToyRule ruleOf(std::string name, Lengths lengths) {
    return {.name = std::move(name),
            .continues = [](const Tokens&, const Distribution&) { return true; },
            .lengths = std::move(lengths)};
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
    return Enumeration(language, verifier, rule, noEnd).accepted(text);
}

void checkExact(const Verifier& verifier, Token end) {
    std::vector<ToyRule> rules = toyRules();
    rules.push_back(ruleOf("schedule", scheduleLengths(1, 3)));
    rules.push_back(ruleOf("expected", expectedLengths(3, 0.5, 0.8, 3)));
    double worst = 0;
    int laws = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        const int size = 2 + static_cast<int>(seed % 3);
        for (const ToyRule& rule : rules) {
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
