#include "head-shape.h"

#include "error.h"
#include "head-features.h"

#include <algorithm>
#include <map>
#include <set>

namespace specdecpp {

namespace {

constexpr int maxWidth = 65536;
constexpr size_t maxWeights = size_t{1} << 30U;
constexpr int maxHidden = 4096;
constexpr size_t maxColumns = 256;

void expect(bool holds, const std::string& what, const std::string& came) {
    if (!holds) {
        throw EngineError("ERR_INVALID_ARGUMENT", "The head's " + what + ", but " + came + ".");
    }
}

} // namespace

void HeadShape::check() const {
    expect(width >= 1 && width <= maxWidth, "width must be 1 to " + std::to_string(maxWidth),
           "is " + std::to_string(width));
    expect(depth >= 0 && depth <= maxHeadDepth, "depth must be 0 to " + std::to_string(maxHeadDepth),
           "is " + std::to_string(depth));
    expect(static_cast<size_t>(width) * static_cast<size_t>(width) * static_cast<size_t>(blocks()) <= maxWeights,
           "blocks must have at most " + std::to_string(maxWeights) + " weights", "they have more");
    if (kind == HeadKind::paper) {
        expect(hidden == 0 && columns.empty() && masks.empty(), "kind \"paper\" reads states alone",
               "there are scalars or a hidden layer");
        return;
    }
    expect(hidden >= 1 && hidden <= maxHidden, "hidden layer must be 1 to " + std::to_string(maxHidden) + " wide",
           "is " + std::to_string(hidden));
    expect(columns.size() <= maxColumns, "columns must be at most " + std::to_string(maxColumns),
           "there are " + std::to_string(columns.size()));
    expect(std::set<std::string>(columns.begin(), columns.end()).size() == columns.size(),
           "columns must have different names", "two are the same");
    expect(masks.size() == columns.size() * maxHeadOutputs, "masks must be 3 rows of as many numbers as columns",
           "there are " + std::to_string(masks.size()) + " numbers for " + std::to_string(columns.size()) + " columns");
    expect(std::all_of(masks.begin(), masks.end(), [](uint8_t mask) { return mask <= 1; }), "masks must be 0 or 1",
           "one is not");
    const auto firstToken = std::find(columns.begin(), columns.end(), tokenColumn + "0");
    for (int i = 0; i < tokenColumns(); ++i) {
        expect(columns.end() - firstToken > i && firstToken[i] == tokenColumn + std::to_string(i),
               "columns of the drawn token must be " + tokenColumn + "0, …1 and so on, one after the other", "are not");
    }
    for (size_t i = 0; i < columns.size(); ++i) {
        expect(!HeadFeatures::tellsOfDrawn(columns[i]) ||
                   (masks[older * columns.size() + i] == 0 && masks[before * columns.size() + i] == 0),
               "outputs `older` and `before` must not read what tells of the token drawn last",
               "a mask lets them read " + columns[i]);
    }
}

int HeadShape::tokenColumns() const {
    return static_cast<int>(std::count_if(columns.begin(), columns.end(),
                                          [](const std::string& column) { return column.starts_with(tokenColumn); }));
}

std::vector<HeadTensor> HeadShape::tensors() const {
    std::vector<HeadTensor> all;
    const auto add = [&](std::string name, int rows, int columnCount, bool isMatrix) {
        if (rows > 0 && columnCount > 0) {
            const size_t offset = all.empty() ? 0 : all.back().offset + all.back().size();
            all.push_back({std::move(name), rows, columnCount, offset, isMatrix});
        }
    };
    for (int block = 0; block < blocks(); ++block) {
        const std::string name = "blk." + std::to_string(block);
        add(name + ".weight", width, width, true);
        add(name + ".bias", width, 1, false);
    }
    if (kind == HeadKind::paper) {
        add("output.weight", 2, width, true);
        add("output.bias", 2, 1, false);
        return all;
    }
    add("state.weight", maxHeadOutputs * hidden, width, true);
    add("scalars.weight", maxHeadOutputs * hidden, scalars(), true);
    add("hidden.bias", maxHeadOutputs * hidden, 1, false);
    add("output.weight", maxHeadOutputs, hidden, true);
    add("skip.weight", maxHeadOutputs, scalars(), true);
    add("output.bias", maxHeadOutputs, 1, false);
    return all;
}

HeadOffsets HeadShape::offsets() const {
    std::map<std::string, size_t> begin;
    for (const HeadTensor& tensor : tensors()) {
        begin[tensor.name] = tensor.offset;
    }
    HeadOffsets offsets;
    for (int i = 0; i < depth; ++i) {
        const std::string name = "blk." + std::to_string(tied ? 0 : i);
        offsets.blocks[i] = {begin[name + ".weight"], begin[name + ".bias"]};
    }
    offsets.state = begin["state.weight"];
    offsets.scalars = begin["scalars.weight"];
    offsets.hiddenBias = begin["hidden.bias"];
    offsets.output = begin["output.weight"];
    offsets.skip = begin["skip.weight"];
    offsets.outputBias = begin["output.bias"];
    return offsets;
}

size_t HeadShape::parameters() const {
    const HeadTensor last = tensors().back();
    return last.offset + last.size();
}

std::string HeadShape::description() const {
    std::string text = kind == HeadKind::paper ? "paper" : "full";
    text += " width " + std::to_string(width) + " depth " + std::to_string(depth) + (tied ? " tied" : "");
    if (kind == HeadKind::full) {
        text += " hidden " + std::to_string(hidden) + " columns";
        for (const std::string& column : columns) {
            text += " " + column;
        }
        text += " masks ";
        for (const uint8_t mask : masks) {
            text += mask == 0 ? '0' : '1';
        }
    }
    return text;
}

} // namespace specdecpp
