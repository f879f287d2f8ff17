#pragma once

#include "head-calibration.h"
#include "head-metadata.h"
#include "head-network.h"
#include "head-shape.h"

#include <ggml.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace specdecpp {

// A head as its file has it (GGUF, general.architecture "specdecpp-head").
struct HeadFile {
    struct Tensor {
        HeadTensor tensor;
        ggml_type type;
        std::vector<std::byte> data;

        // Its numbers, whatever the type.
        std::vector<float> numbers() const;
    };

    std::string path;
    HeadShape shape;
    HeadScaling scaling;
    HeadCalibration calibration;
    HeadMetadata metadata;
    std::string type;            // of the matrices of states
    std::vector<Tensor> tensors; // as HeadShape::tensors()
    std::vector<float> tokens;   // [vocabulary][tokenColumns()], what the columns of a drawn token are
    uint64_t sizeBytes = 0;

    // All numbers, one tensor after the other.
    std::vector<float> parameters() const;
};

// Throws ERR_MODEL_LOAD for what is damaged, cut off, or no head.
HeadFile readHead(const std::string& path);

// type: "f32", "f16" or "q8_0", of the matrices of states; all else is f32.
// metadata: keys beside those of the head itself, calibration among them.
// tokens: as HeadFile::tokens, written as f16; empty if the shape has no columns of it.
// Throws ERR_INVALID_ARGUMENT or ERR_WRITE; a failure leaves no file.
void writeHead(const std::string& path, const HeadShape& shape, const HeadScaling& scaling,
               std::span<const float> parameters, const HeadMetadata& metadata, const std::string& type,
               std::span<const float> tokens = {});

} // namespace specdecpp
