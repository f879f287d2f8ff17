#include "head-graph.h"

#include "error.h"

#include <map>
#include <string>

namespace specdecpp {

namespace {

constexpr size_t maxNodes = 64;

void setThreads(ggml_backend_t backend, ggml_backend_dev_t device, int threads) {
    const auto set = reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
    if (set != nullptr) {
        set(backend, threads);
    }
}

} // namespace

HeadGraph::HeadGraph(const HeadFile& file, ggml_backend_dev_t device, int threads)
    : backend_(ggml_backend_dev_init(device, nullptr)) {
    const auto fail = [&] {
        throw EngineError("ERR_OUT_OF_MEMORY", "The head " + file.path + " finds no memory on the device " +
                                                   ggml_backend_dev_name(device) + ".");
    };
    if (!backend_) {
        fail();
    }
    setThreads(backend_.get(), device, threads);
    const size_t descriptions = (file.tensors.size() + maxNodes) * ggml_tensor_overhead();
    context_.reset(
        ggml_init({descriptions + ggml_graph_overhead_custom(maxNodes, false), nullptr, /*no_alloc =*/true}));
    ggml_context* c = context_.get();

    std::map<std::string, ggml_tensor*> weights;
    for (const HeadFile::Tensor& each : file.tensors) {
        const HeadTensor& tensor = each.tensor;
        weights[tensor.name] = tensor.columns == 1 && !tensor.isMatrix
                                   ? ggml_new_tensor_1d(c, each.type, tensor.rows)
                                   : ggml_new_tensor_2d(c, each.type, tensor.columns, tensor.rows);
    }
    input_ = ggml_new_tensor_1d(c, GGML_TYPE_F32, file.shape.width);
    weights_.reset(ggml_backend_alloc_ctx_tensors(c, backend_.get()));
    if (!weights_) {
        fail();
    }
    for (const HeadFile::Tensor& each : file.tensors) {
        ggml_backend_tensor_set(weights[each.tensor.name], each.data.data(), 0, each.data.size());
    }

    const auto affine = [&](const std::string& weight, const std::string& bias, ggml_tensor* x) {
        return ggml_add(c, ggml_mul_mat(c, weights.at(weight), x), weights.at(bias));
    };
    ggml_tensor* x = input_;
    for (int i = 0; i < file.shape.depth; ++i) {
        const std::string name = "blk." + std::to_string(file.shape.tied ? 0 : i);
        x = ggml_add(c, x, ggml_silu(c, affine(name + ".weight", name + ".bias", x)));
    }
    output_ = file.shape.kind == HeadKind::paper ? affine("output.weight", "output.bias", x)
                                                 : affine("state.weight", "hidden.bias", x);
    ggml_set_output(output_);
    graph_ = ggml_new_graph_custom(c, maxNodes, false);
    ggml_build_forward_expand(graph_, output_);
    allocator_.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_.get())));
    if (!allocator_ || !ggml_gallocr_alloc_graph(allocator_.get(), graph_)) {
        fail();
    }
}

void HeadGraph::evaluate(const float* state, std::vector<float>& out) {
    ggml_backend_tensor_set(input_, state, 0, ggml_nbytes(input_));
    if (ggml_backend_graph_compute(backend_.get(), graph_) != GGML_STATUS_SUCCESS) {
        throw EngineError("ERR_DECODE", "llama.cpp failed to evaluate the head. Check the memory that is left.");
    }
    out.resize(static_cast<size_t>(ggml_nelements(output_)));
    ggml_backend_tensor_get(output_, out.data(), 0, ggml_nbytes(output_));
}

} // namespace specdecpp
