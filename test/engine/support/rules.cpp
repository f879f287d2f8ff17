#include "rules.h"

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

NamedRule fixedRule(int length) {
    return {"fixed " + std::to_string(length), {length, std::nullopt}};
}

NamedRule gatedRule(std::string name, const Gate& gate, int length) {
    return {std::move(name), {length, gate}};
}

const std::vector<NamedRule>& gatedRules() {
    static const std::vector<NamedRule> rules = {
        gatedRule("confidence 0.4", confidenceGate(0.4)),
        gatedRule("cumulative 0.3", cumulativeGate(0.3)),
        gatedRule("entropy 0.4", entropyGate(0.4)),
        gatedRule("logistic 0.4", logisticGate(0.7, 0.6, 0.4)),
    };
    return rules;
}

const std::vector<const Verifier*>& allVerifiers() {
    static const std::vector<const Verifier*> verifiers = {&rejectionSampling, &blockVerification, &coupledSampling,
                                                           &sampleAndMatch};
    return verifiers;
}
