#pragma once

#include "head-trunk.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>

#include <memory>
#include <vector>

namespace specdecpp {

// As a ggml graph on a device, made once.
class HeadGraph : public HeadTrunk {
public:
    // Throws ERR_OUT_OF_MEMORY.
    HeadGraph(const HeadFile& file, ggml_backend_dev_t device, int threads);

    // Throws ERR_DECODE.
    void evaluate(const float* state, std::vector<float>& out) override;

private:
    template <auto free> struct Freer {
        template <typename T> void operator()(T* object) const { free(object); }
    };
    template <typename T, auto free> using Owned = std::unique_ptr<T, Freer<free>>;

    Owned<std::remove_pointer_t<ggml_backend_t>, ggml_backend_free> backend_;
    Owned<ggml_context, ggml_free> context_; // the tensors' descriptions
    Owned<std::remove_pointer_t<ggml_backend_buffer_t>, ggml_backend_buffer_free> weights_;
    Owned<std::remove_pointer_t<ggml_gallocr_t>, ggml_gallocr_free> allocator_;
    ggml_cgraph* graph_ = nullptr;
    ggml_tensor* input_ = nullptr;
    ggml_tensor* output_ = nullptr;
};

} // namespace specdecpp
