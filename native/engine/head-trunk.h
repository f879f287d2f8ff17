#pragma once

#include "head-file.h"

#include <ggml-backend.h>

#include <memory>
#include <vector>

namespace specdecpp {

// The part of a head that reads a state, evaluated for one at a time: all that the outputs of a step share.
class HeadTrunk {
public:
    virtual ~HeadTrunk() = default;

    // state: [width]. out: the two logits of a paper's head, or A x + c of a full one, [3 hidden].
    virtual void evaluate(const float* state, std::vector<float>& out) = 0;
};

// On a device of llama.cpp; threads: on the processor.
// Small heads on the processor are worked out without ggml, whose graphs cost some microseconds each.
std::unique_ptr<HeadTrunk> makeTrunk(const HeadFile& file, ggml_backend_dev_t device, int threads);

} // namespace specdecpp
