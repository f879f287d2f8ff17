#include "head-trunk.h"

#include "head-graph.h"
#include "small-trunk.h"

namespace specdecpp {

std::unique_ptr<HeadTrunk> makeTrunk(const HeadFile& file, ggml_backend_dev_t device, int threads) {
    constexpr int smallWidth = 256;
    if (file.shape.width <= smallWidth && ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU) {
        return std::make_unique<SmallTrunk>(file);
    }
    return std::make_unique<HeadGraph>(file, device, threads);
}

} // namespace specdecpp
