#pragma once

#include "distribution.h"
#include "head-shape.h"

#include <optional>
#include <vector>

namespace specdecpp {

// What a rule may know of q, the distribution a token is drawn from.
struct Shape {
    double mode = 1;    // the largest probability
    double margin = 1;  // the largest less the second largest
    double entropy = 0; // in nats
};

Shape shapeOf(const Distribution& q);

// ln(mode / second largest): how far the best token is ahead.
double logRatio(const Shape& shape);
// -ln(1 - q(token)): how little q leaves to other tokens.
double logOthers(double logProbability);

// An estimate of the probability that a token will be accepted: a weighted sum of features of q, as it
// is, through the logistic function or through the exponential. Before the draw it knows q alone; after it, the token
// too.
struct Estimate {
    enum class Link { identity, logistic, exponential };
    double bias = 0;
    double logitMode = 0;   // weights of: ln(mode / (1 - mode))
    double rootEntropy = 0; // √entropy
    double margin = 0;
    double logRatio = 0;       // as above
    double logProbability = 0; // ln q(token); after the draw alone, as the next
    double logOthers = 0;      // as above
    double head = 0;           // the logit that a head gives of the token
    Link link = Link::identity;

    double of(const Shape& shape, double logProbabilityOfToken, double headLogit = 0) const;
};

// Stops a round when an estimate falls below a threshold.
struct Gate {
    enum class When {
        beforeDraw, // asks about the token that q is there for: a draft step is spent, no token drawn
        afterDraw,  // asks about the tokens drawn: before the next step
    };
    When when = When::beforeDraw;
    Estimate estimate;
    bool product = false; // of the round's estimates so far, instead of the newest alone
    double threshold = 0;
};

// Stops a round where a further token is not worth its price: when the probability that it will survive, which is
// that the drafted tokens and itself are all accepted, falls below a threshold. There are two moments to ask.
// Before a draft step, when only the tokens drawn are known: a step and a row of the target are saved. After the
// step, before the draw from the q that it gave: the row is saved.
struct SurvivalGate {
    Estimate newest; // of a token that has just been drawn
    Estimate older;  // of the same token once the draft has read it
    Estimate before; // of a token not drawn yet, by the q that it is to be drawn from
    Estimate next;   // of the token after the newest, whose q is not there yet, by what is known of the newest
    // By k, the tokens drawn: the survival below which no step is taken (not asked at k = 0), and below which no
    // token is drawn. Beyond their ends 0.
    std::vector<double> step;
    std::vector<double> draw;
};

// When a round stops drafting, as plain data: decided in TypeScript before the round, obeyed here. A
// rule can stop, never drop: it is asked before a draw, and what has been drawn is verified.
struct StopRule {
    int length = 0; // drafted tokens a round at most, K; 0: none, which is plain decoding
    std::optional<Gate> gate;
    std::optional<SurvivalGate> survival;
};

// Whether a rule weighs what a head's output says.
bool weighs(const StopRule& rule, HeadOutput output);

// Why a round stopped drafting.
enum class StopReason {
    length, // the rule's length
    gate,   // a gate of the rule
    end,    // the draft ended the text
    room,   // maxTokens or a context leaves no more room
    none,   // nothing was to be drafted: plain decoding, or no usable draft
};

const char* nameOf(StopReason reason);

} // namespace specdecpp
