// Drafts coupled to a text: exactly the law of drafting first and verifying by rejection sampling then,
// for one token and for rounds that follow one another.

#include "rejection-sampling.h"
#include "text-coupling.h"
#include "verifier.h"

#include "support/decisions.h"
#include "support/exact-law.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

using namespace specdecpp;

namespace {

using Outcomes = std::map<Tokens, double>;

double totalVariation(Outcomes a, const Outcomes& b) {
    for (const auto& [key, probability] : b) {
        a[key] -= probability;
    }
    double sum = 0;
    for (const auto& [key, difference] : a) {
        sum += std::abs(difference);
    }
    return sum / 2;
}

class Numbers : public Random {
public:
    explicit Numbers(std::vector<double> numbers) : Random(0), numbers_(std::move(numbers)) {}
    double uniform() override { return numbers_.at(drawn_++); }
    size_t drawn() const { return drawn_; }

private:
    std::vector<double> numbers_;
    size_t drawn_ = 0;
};

// The law of draftAlongText.
std::map<Token, double> alongText(Token text, const Distribution& p, const Distribution& q) {
    std::map<Token, double> law;
    const double stay = stayProbability(text, p, q);
    law[text] += stay;
    if (stay < 1) {
        const Distribution leaving = residual(q, p);
        for (size_t i = 0; i < leaving.probabilities().size(); ++i) {
            law[leaving.token(i)] += (1 - stay) * leaving.probabilities()[i];
        }
    }
    return law;
}

constexpr Token endOfDraft = -1;
constexpr Token endOfRound = -2;

// Rounds of a rule until a text has `length` tokens, all drafts and all outcomes added up. An outcome
// is what every round drafted and what it added.
class Rounds {
public:
    Rounds(ToyLanguage& language, const ToyRule& rule, size_t length)
        : language_(language), rule_(rule), length_(length) {}

    Outcomes byVerifying() {
        outcomes_.clear();
        draftRound({}, {}, {}, 1);
        return outcomes_;
    }

    // Every text first, by the target alone; then what would have been drafted beside it.
    Outcomes alongTexts() {
        outcomes_.clear();
        for (const auto& [text, probability] : targetLaw(language_, length_)) {
            text_ = text;
            walkRound(0, {}, {}, 0, {}, probability);
        }
        return outcomes_;
    }

private:
    bool continues(const Tokens& text, const Tokens& drafted) {
        return text.size() + drafted.size() + 1 < length_ &&
               rule_.continues(drafted, language_.q(joined(text, drafted)));
    }

    void draftRound(const Tokens& text, const Tokens& drafted, const Tokens& log, double mass) {
        if (text.size() == length_) {
            outcomes_[log] += mass;
            return;
        }
        if (continues(text, drafted)) {
            const Distribution& q = language_.q(joined(text, drafted));
            for (Token token = 0; token < language_.size(); ++token) {
                if (q.probability(token) > 0) {
                    draftRound(text, joined(drafted, {token}), log, mass * q.probability(token));
                }
            }
            return;
        }
        const auto [p, q] = language_.rowsOf(text, drafted);
        for (const auto& [verdict, probability] : decisions(rejectionSampling, drafted, p, q, true)) {
            Tokens added(drafted.begin(), drafted.begin() + verdict.first);
            added.push_back(*verdict.second);
            draftRound(joined(text, added), {}, joined(log, logged(drafted, added)), mass * probability);
        }
    }

    // `seen`: what the dice of a place have shown, and must not be asked again. A place: where the draft
    // left the text, or is about to, and how many tokens after that.
    using Seen = std::map<std::pair<size_t, size_t>, Token>;

    void walkRound(size_t start, const Tokens& drafted, const Tokens& log, size_t accepted, const Seen& seen,
                   double mass) {
        if (start == length_) {
            outcomes_[log] += mass;
            return;
        }
        const Tokens before(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(start));
        if (!continues(before, drafted)) {
            const auto from = text_.begin() + static_cast<std::ptrdiff_t>(start);
            const Tokens added(from, from + static_cast<std::ptrdiff_t>(accepted) + 1);
            walkRound(start + added.size(), {}, joined(log, logged(drafted, added)), 0, seen, mass);
            return;
        }
        const Tokens prefix = joined(before, drafted);
        const Distribution& p = language_.p(prefix);
        const Distribution& q = language_.q(prefix);
        const bool onText = accepted == drafted.size();
        const std::pair<size_t, size_t> place{start + accepted, drafted.size() - accepted};
        if (seen.find(place) != seen.end()) {
            FAIL("two rounds look at the same dice");
        }
        std::map<Token, double> law;
        if (onText) {
            law = alongText(text_[start + accepted], p, q);
        } else {
            for (size_t i = 0; i < q.probabilities().size(); ++i) {
                law[q.token(i)] = q.probabilities()[i];
            }
        }
        for (const auto& [token, probability] : law) {
            if (probability > 0) {
                Seen now = seen;
                now[place] = token;
                const size_t more = onText && token == text_[start + accepted] ? 1 : 0;
                walkRound(start, joined(drafted, {token}), log, accepted + more, now, mass * probability);
            }
        }
    }

    static Tokens logged(const Tokens& drafted, const Tokens& added) {
        return joined(joined(drafted, {endOfDraft}), joined(added, {endOfRound}));
    }

    ToyLanguage& language_;
    const ToyRule& rule_;
    size_t length_;
    Tokens text_;
    Outcomes outcomes_;
};

} // namespace

TEST_SUITE("text coupling") {

    TEST_CASE("drafted token, verdict and text have the joint law of rejection sampling") {
        double worst = 0;
        for (unsigned seed = 1; seed <= 300; ++seed) {
            const int size = 2 + static_cast<int>(seed % 6);
            ToyLanguage language(size, seed);
            const Distribution& p = language.p({});
            const Distribution& q = language.q({});
            Outcomes verified; // {drafted, text}
            Outcomes coupled;
            for (Token drafted = 0; drafted < size; ++drafted) {
                if (const double share = q.probability(drafted); share > 0) {
                    for (const auto& [verdict, probability] :
                         decisions(rejectionSampling, {drafted}, {p, p}, {q}, false)) {
                        const Token text = verdict.second ? *verdict.second : drafted;
                        CHECK((verdict.first == 1) == (text == drafted));
                        verified[{drafted, text}] += share * probability;
                    }
                }
            }
            for (Token text = 0; text < size; ++text) {
                if (p.probability(text) > 0) {
                    for (const auto& [drafted, probability] : alongText(text, p, q)) {
                        coupled[{drafted, text}] += p.probability(text) * probability;
                    }
                }
            }
            worst = std::max(worst, totalVariation(coupled, verified));
        }
        MESSAGE("the largest total variation ", worst);
        CHECK(worst < 1e-12);
    }

    TEST_CASE("the draw follows the law: one number for staying, one for where it leaves to") {
        for (unsigned seed = 1; seed <= 200; ++seed) {
            ToyLanguage language(5, seed);
            const Distribution& p = language.p({});
            const Distribution& q = language.q({});
            for (Token text = 0; text < 5; ++text) {
                if (p.probability(text) == 0) {
                    continue;
                }
                const double stay = stayProbability(text, p, q);
                CHECK(stay == doctest::Approx(std::min(1.0, q.probability(text) / p.probability(text))));
                if (stay > 0) {
                    Numbers numbers({stay / 2});
                    CHECK(draftAlongText(text, p, q, numbers) == text);
                    CHECK(numbers.drawn() == 1);
                }
                if (stay < 1) {
                    for (const double u : {0.0, 0.3, 0.7, 0.999}) {
                        Numbers numbers({stay + (1 - stay) / 2, u});
                        const Token left = draftAlongText(text, p, q, numbers);
                        CHECK(left == residual(q, p).sample(u));
                        CHECK(left != text);
                    }
                }
            }
        }
    }

    TEST_CASE("where all is certain the draft stays exactly where it agrees") {
        Random random(1);
        for (int i = 0; i < 100; ++i) {
            CHECK(draftAlongText(3, Distribution::certain(3), Distribution::certain(3), random) == 3);
            CHECK(draftAlongText(3, Distribution::certain(3), Distribution::certain(7), random) == 7);
        }
    }

    TEST_CASE("rounds along a text have the law of rounds that draft and verify, under every rule") {
        double worst = 0;
        int laws = 0;
        for (unsigned seed = 1; seed <= 40; ++seed) {
            const int size = 2 + static_cast<int>(seed % 2);
            for (const ToyRule& rule : toyRules()) {
                ToyLanguage language(size, seed);
                Rounds rounds(language, rule, 4);
                const double distance = totalVariation(rounds.alongTexts(), rounds.byVerifying());
                INFO("seed ", seed, ", vocabulary ", size, ", rule ", rule.name);
                CHECK(distance < 1e-12);
                worst = std::max(worst, distance);
                ++laws;
            }
        }
        MESSAGE(laws, " laws, the largest total variation ", worst);
    }

    // Drawing the draft from q as if there were no text leaves the text right and the rounds wrong.
    TEST_CASE("a draft that is not coupled would be found out") {
        ToyLanguage language(3, 7);
        const Distribution p = Distribution::dense({0.6, 0.3, 0.1});
        const Distribution q = Distribution::dense({0.2, 0.3, 0.5});
        Outcomes independent;
        Outcomes coupled;
        for (Token text = 0; text < 3; ++text) {
            for (Token drafted = 0; drafted < 3; ++drafted) {
                independent[{drafted, text}] = p.probability(text) * q.probability(drafted);
            }
            for (const auto& [drafted, probability] : alongText(text, p, q)) {
                coupled[{drafted, text}] += p.probability(text) * probability;
            }
        }
        CHECK(totalVariation(independent, coupled) > 0.1);
    }

} // TEST_SUITE
