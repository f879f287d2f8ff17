#pragma once

#include "distribution.h"
#include "random.h"

namespace specdecpp {

// What a draft would have drawn where a text has the token `text`, given the text: a draw from the law
// of a drafted token Y ~ q, given that verifying it by rejection sampling left `text` ~ p in its place.
// Y is the text's own token with probability min(1, q/p), else a draw from norm((q - p)+), which that
// token is not in: Y was accepted if and only if it equals `text`.
Token draftAlongText(Token text, const Distribution& p, const Distribution& q, Random& random);

// min(1, q/p), the probability that a draft stays on the text.
double stayProbability(Token text, const Distribution& p, const Distribution& q);

} // namespace specdecpp
