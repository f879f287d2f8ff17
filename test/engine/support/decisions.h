#pragma once

#include "verifier.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

// {accepted, next} of a Verdict.
using VerdictKey = std::pair<int, std::optional<specdecpp::Token>>;

// The exact law of a verifier's verdict for one draft: the numbers it draws are enumerated, not
// sampled. A verifier is a function of its uniform numbers that is constant between finitely many
// bounds. Those it can have (acceptance probabilities, the cumulative sums of p and of the residuals)
// cut [0, 1) into intervals; an interval at whose two ends the decision differs is halved until it has
// the width of a double, so a bound that is not among the guessed ones costs time, not exactness.
// Assumed: the numbers that give one decision are an interval within each piece, and two decisions that
// are not the same differ in the row that is looked at next, or in the verdict that follows when all
// further numbers are the lowest, or the highest, that can be.
std::map<VerdictKey, double> decisions(const specdecpp::Verifier& verifier,
                                       const std::vector<specdecpp::Token>& drafted,
                                       const std::vector<specdecpp::Distribution>& p, // one more than drafted
                                       const std::vector<specdecpp::Distribution>& q, bool hasBonusRow);
