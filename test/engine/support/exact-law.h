#pragma once

#include "lengths.h"
#include "toy-language.h"

#include "verifier.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

// The law of a text: the probability of each.
using Law = std::map<Tokens, double>;

constexpr specdecpp::Token noEnd = -1;

// When a round stops: asked before a token is drawn, with the tokens drafted so far and the
// distribution it would be drawn from.
struct ToyRule {
    std::string name;
    std::function<bool(const Tokens& drafted, const specdecpp::Distribution& q)> continues;
    // The known mistake: whether a token that has been drawn is dropped after all.
    std::function<bool(specdecpp::Token drawn, const specdecpp::Distribution& q)> drops =
        [](specdecpp::Token, const specdecpp::Distribution&) { return false; };
    // How many tokens at most, where that depends on the rounds before.
    std::optional<Lengths> lengths{};
};

ToyRule fixedLength(size_t length);

// Of every shape that may be: fixed, by q, by earlier drafts, by both.
std::vector<ToyRule> toyRules();

// Never stops but by these lengths.
ToyRule ruleOf(std::string name, Lengths lengths);

// The law of the next `length` tokens, fewer where the end comes before, that drafting by the rule and
// verifying give: added up over every draft and every decision of the verifier.
Law generatedLaw(ToyLanguage& language, const specdecpp::Verifier& verifier, const ToyRule& rule, size_t length,
                 specdecpp::Token end = noEnd);

// The same, drawn from the target alone.
Law targetLaw(ToyLanguage& language, size_t length, specdecpp::Token end = noEnd);

// Half the sum of the differences between the two.
double totalVariation(ToyLanguage& language, const specdecpp::Verifier& verifier, const ToyRule& rule, size_t length,
                      specdecpp::Token end = noEnd);

// Tokens that a round of the rule accepts after `text`, on average.
double expectedAccepted(ToyLanguage& language, const specdecpp::Verifier& verifier, const ToyRule& rule,
                        const Tokens& text = {});

// Checks that the law is the target's in 60 random languages, under each of toyRules()
// and under lengths that depend on the rounds before.
void checkExact(const specdecpp::Verifier& verifier, specdecpp::Token end);
