#pragma once

#include "lengths.h"

#include "acceptance-head.h"
#include "stop-rule.h"
#include "verifier.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

struct NamedRule {
    std::string name;
    specdecpp::StopRule rule;
    std::shared_ptr<const specdecpp::AcceptanceHead> head{}; // that the rule asks
    // Of its rounds, where they depend on the rounds before; rule.length is then the longest.
    std::optional<Lengths> lengths{};
};

// The gates of lib/policy, by the same estimates.
specdecpp::Gate confidenceGate(double threshold);
specdecpp::Gate cumulativeGate(double threshold);
specdecpp::Gate entropyGate(double threshold);
specdecpp::Gate logisticGate(double bias, double slope, double threshold);
// Estimates that fit the demo pair roughly, and thresholds that rise and fall by k.
specdecpp::SurvivalGate survivalGate();

NamedRule fixedRule(int length);
NamedRule gatedRule(std::string name, const specdecpp::Gate& gate, int length = 12);

// One of each kind, with thresholds at which rounds of the demo pair end by the gate and by the length.
const std::vector<NamedRule>& gatedRules();

// The kinds whose rounds are as long as the rounds before make them.
const std::vector<NamedRule>& rulesWithMemory();

const std::vector<const specdecpp::Verifier*>& allVerifiers();

specdecpp::RoundOptions optionsOf(const specdecpp::StopRule& rule,
                                  const specdecpp::Verifier& verifier = specdecpp::rejectionSampling);
