#include "demo-head.h"

#include "demo.h"
#include "head-features.h"
#include "head-reference.h"
#include "temporary-folder.h"

using namespace specdecpp;

HeadShape headShapeOfAllColumns(int width, int depth, bool tied, int hidden) {
    HeadShape shape = paperShape(width, depth, tied);
    shape.kind = HeadKind::full;
    shape.hidden = hidden;
    shape.columns = HeadFeatures::names();
    for (const HeadOutput output : {older, before, newest}) {
        for (const std::string& column : shape.columns) {
            shape.masks.push_back(output == newest || !HeadFeatures::tellsOfDrawn(column) ? 1 : 0);
        }
    }
    return shape;
}

HeadScaling scalingOfAllColumns() {
    const size_t columns = HeadFeatures::names().size();
    return {std::vector<float>(columns, 0.25F), std::vector<float>(columns, 2.0F)};
}

std::shared_ptr<const AcceptanceHead> makeHead(const HeadShape& shape, const std::string& type,
                                               const HeadMetadata& metadata) {
    const TemporaryFolder folder;
    const HeadScaling scaling = shape.kind == HeadKind::full ? scalingOfAllColumns() : HeadScaling{};
    writeHead(folder.file("head.gguf"), shape, scaling, randomParameters(shape, 77), metadata, type);
    return std::make_shared<const AcceptanceHead>(folder.file("head.gguf"));
}

std::shared_ptr<const AcceptanceHead> demoHead(HeadKind kind) {
    const auto make = [](const HeadShape& shape) {
        std::vector<double> biases;
        for (int i = 0; i < shape.outputs() * calibrationBuckets; ++i) {
            biases.push_back(1.5 - 0.1 * i);
        }
        return makeHead(
            shape, "f32",
            {{"specdecpp.head.calibration.slope", std::vector<double>(static_cast<size_t>(shape.outputs()), 0.5)},
             {"specdecpp.head.calibration.bias", biases}});
    };
    static const auto paper = make(paperShape(llama_model_n_embd_out(demoDraft()->get()), 2, true));
    static const auto full = make(headShapeOfAllColumns(llama_model_n_embd_out(demoDraft()->get()), 2, false, 8));
    return kind == HeadKind::paper ? paper : full;
}

SurvivalGate headGate() {
    SurvivalGate gate;
    gate.newest = {.head = 1, .link = Estimate::Link::logistic};
    gate.older = {.bias = 0.5, .head = 0.8, .link = Estimate::Link::logistic};
    gate.before = {.bias = 1, .head = 0.5, .link = Estimate::Link::logistic};
    gate.next = {.bias = 1.5, .head = 0.3, .link = Estimate::Link::logistic};
    gate.step = {0, 0.4, 0.25, 0.15, 0.1, 0.08, 0.06, 0.05};
    gate.draw = {0.5, 0.35, 0.3, 0.2, 0.12, 0.1, 0.08, 0.06};
    return gate;
}

SurvivalGate paperGate(double h) {
    SurvivalGate gate;
    gate.newest.bias = gate.before.bias = gate.next.bias = 1; // not judged
    gate.older = {.head = 1, .link = Estimate::Link::logistic};
    gate.step.assign(20, 1 - h);
    return gate;
}
