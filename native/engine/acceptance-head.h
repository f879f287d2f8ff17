#pragma once

#include "head-file.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace specdecpp {

// A head that has been loaded. Immutable.
class AcceptanceHead {
public:
    // Throws ERR_MODEL_LOAD.
    explicit AcceptanceHead(const std::string& path) : file_(readHead(path)) {}

    const HeadFile& file() const { return file_; }
    const HeadShape& shape() const { return file_.shape; }

    // Calibrated logits [n][outputs]. drafted: [n], k of each example.
    std::vector<float> scores(const HeadExamples& examples, std::span<const int32_t> drafted) const;

private:
    HeadFile file_;
};

} // namespace specdecpp
