#include "head-features.h"

#include "head-shape.h"
#include "log-odds.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace specdecpp {

namespace {

using Column = double (*)(const HeadFeatures&);

double belowMode(const Shape& shape, double logProbability) {
    return boundedLog(logProbability) - std::log(std::max(shape.mode, smallestProbability));
}

template <typename Number> double ifAny(const HeadFeatures& f, Number number) {
    return f.drafted == 0 ? 0.0 : number(f.previous);
}

struct NamedColumn {
    const char* name;
    bool tellsOfDrawn;
    Column value;
};

// A new column goes to the end, so that no trainer's or file's order changes.
const std::array<NamedColumn, 18> table = {{
    {"logit-mode", false, [](const HeadFeatures& f) { return logOdds(f.shape.mode); }},
    {"margin", false, [](const HeadFeatures& f) { return f.shape.margin; }},
    {"root-entropy", false, [](const HeadFeatures& f) { return std::sqrt(f.shape.entropy); }},
    {"entropy", false, [](const HeadFeatures& f) { return f.shape.entropy; }},
    {"log-position", false, [](const HeadFeatures& f) { return std::log(f.drafted + 1.0); }},
    {"temperature", false, [](const HeadFeatures& f) { return f.temperature; }},
    {"drawn.log-q", true, [](const HeadFeatures& f) { return boundedLog(f.logProbability); }},
    {"drawn.below-mode", true, [](const HeadFeatures& f) { return belowMode(f.shape, f.logProbability); }},
    {"previous.log-q", false,
     [](const HeadFeatures& f) {
         return ifAny(f, [](const DrawnFeatures& y) { return boundedLog(y.logProbability); });
     }},
    {"previous.below-mode", false,
     [](const HeadFeatures& f) {
         return ifAny(f, [](const DrawnFeatures& y) { return belowMode(y.shape, y.logProbability); });
     }},
    {"previous.logit-mode", false,
     [](const HeadFeatures& f) { return ifAny(f, [](const DrawnFeatures& y) { return logOdds(y.shape.mode); }); }},
    {"previous.margin", false,
     [](const HeadFeatures& f) { return ifAny(f, [](const DrawnFeatures& y) { return y.shape.margin; }); }},
    {"previous.root-entropy", false,
     [](const HeadFeatures& f) { return ifAny(f, [](const DrawnFeatures& y) { return std::sqrt(y.shape.entropy); }); }},
    {"first", false, [](const HeadFeatures& f) { return f.drafted == 0 ? 1.0 : 0.0; }},
    {"log-ratio", false, [](const HeadFeatures& f) { return logRatio(f.shape); }},
    {"drawn.log-others", true, [](const HeadFeatures& f) { return logOthers(f.logProbability); }},
    {"previous.log-ratio", false,
     [](const HeadFeatures& f) { return ifAny(f, [](const DrawnFeatures& y) { return logRatio(y.shape); }); }},
    {"previous.log-others", false,
     [](const HeadFeatures& f) {
         return ifAny(f, [](const DrawnFeatures& y) { return logOthers(y.logProbability); });
     }},
}};

} // namespace

const std::vector<std::string>& HeadFeatures::names() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> names;
        for (const NamedColumn& column : table) {
            names.emplace_back(column.name);
        }
        return names;
    }();
    return all;
}

bool HeadFeatures::tellsOfDrawn(const std::string& name) {
    return name.starts_with(tokenColumn) || std::any_of(table.begin(), table.end(), [&](const NamedColumn& column) {
               return column.name == name && column.tellsOfDrawn;
           });
}

void HeadFeatures::write(std::span<float> columns) const {
    for (size_t i = 0; i < table.size(); ++i) {
        columns[i] = static_cast<float>(table[i].value(*this));
    }
}

} // namespace specdecpp
