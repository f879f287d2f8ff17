#include "rules.h"

#include "demo.h"

#include <cmath>

using namespace specdecpp;

Gate confidenceGate(double threshold) {
    Gate gate;
    gate.estimate.logitMode = 1;
    gate.estimate.link = Estimate::Link::logistic; // of the logit: the largest probability itself
    gate.threshold = threshold;
    return gate;
}

Gate cumulativeGate(double threshold) {
    Gate gate;
    gate.when = Gate::When::afterDraw;
    gate.estimate.logProbability = 1;
    gate.estimate.link = Estimate::Link::exponential;
    gate.product = true;
    gate.threshold = threshold;
    return gate;
}

Gate entropyGate(double threshold) {
    Gate gate;
    gate.estimate.bias = 1;
    gate.estimate.rootEntropy = -std::sqrt(0.2);
    gate.threshold = threshold;
    return gate;
}

Gate logisticGate(double bias, double slope, double threshold) {
    Gate gate;
    gate.estimate.bias = bias;
    gate.estimate.logitMode = slope;
    gate.estimate.link = Estimate::Link::logistic;
    gate.product = true;
    gate.threshold = threshold;
    return gate;
}

SurvivalGate survivalGate() {
    SurvivalGate gate;
    gate.newest = {.bias = 0.8, .rootEntropy = -0.1, .logOthers = 1, .link = Estimate::Link::logistic};
    gate.older = {.bias = 0.6, .margin = 0.5, .logProbability = 0.1, .logOthers = 1, .link = Estimate::Link::logistic};
    gate.before = {.bias = 1.4, .rootEntropy = -0.6, .logRatio = 0.3, .link = Estimate::Link::logistic};
    gate.next = {.bias = 1.6, .rootEntropy = -0.4, .link = Estimate::Link::logistic};
    gate.step = {0, 0.3, 0.45, 0.3, 0.2, 0.4, 0.3, 0.3, 0.3, 0.3};
    gate.draw = {0.4, 0.3, 0.4, 0.25, 0.2, 0.35, 0.3, 0.3, 0.3, 0.3};
    return gate;
}

NamedRule fixedRule(int length) {
    return {"fixed " + std::to_string(length), {.length = length}};
}

NamedRule gatedRule(std::string name, const Gate& gate, int length) {
    return {std::move(name), {.length = length, .gate = gate}};
}

const std::vector<NamedRule>& gatedRules() {
    static const std::vector<NamedRule> rules = {
        gatedRule("confidence 0.4", confidenceGate(0.4)),
        gatedRule("cumulative 0.3", cumulativeGate(0.3)),
        gatedRule("entropy 0.4", entropyGate(0.4)),
        gatedRule("logistic 0.4", logisticGate(0.7, 0.6, 0.4)),
        {"survival", {.length = 12, .survival = survivalGate()}},
    };
    return rules;
}

const std::vector<NamedRule>& rulesWithMemory() {
    static const std::vector<NamedRule> rules = {
        {.name = "schedule 5", .rule = {.length = 12}, .lengths = scheduleLengths(5, 12)},
        {.name = "expected", .rule = {.length = 12}, .lengths = expectedLengths(12, 0.1, 1, 10)},
    };
    return rules;
}

const std::vector<const Verifier*>& allVerifiers() {
    static const std::vector<const Verifier*> verifiers = {&rejectionSampling, &blockVerification, &coupledSampling,
                                                           &sampleAndMatch};
    return verifiers;
}

RoundOptions optionsOf(const StopRule& rule, const Verifier& verifier) {
    RoundOptions options = roundOptions(rule.length, verifier);
    options.rule = rule;
    return options;
}
