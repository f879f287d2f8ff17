#pragma once

#include "acceptance-head.h"
#include "rules.h"

#include <memory>
#include <string>

// A head of random weights for the demo's draft, which says much and knows nothing. Calibrated differently at every
// position.
std::shared_ptr<const specdecpp::AcceptanceHead> demoHead(specdecpp::HeadKind kind);

// A full head of all columns that there are.
specdecpp::HeadShape headShapeOfAllColumns(int width, int depth, bool tied, int hidden);
specdecpp::HeadScaling scalingOfAllColumns();

// Writes a head of random weights and loads it.
std::shared_ptr<const specdecpp::AcceptanceHead> makeHead(const specdecpp::HeadShape& shape, const std::string& type,
                                                          const specdecpp::HeadMetadata& metadata = {});

// Weighs everything that a full head says.
specdecpp::SurvivalGate headGate();
// SpecDec++'s rule: stops when 1 - P > h, P the product of the scores of all tokens but the newest.
specdecpp::SurvivalGate paperGate(double h);
