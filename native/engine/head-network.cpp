#include "head-network.h"

#include "error.h"
#include "head-kernels.h"
#include "random.h"

#include <algorithm>
#include <cmath>

namespace specdecpp {

namespace {

// ln(1 + e^x)
double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// Where a panel of so many rows begins.
ptrdiff_t at(int index, int rows) {
    return static_cast<ptrdiff_t>(index) * rows * lanes;
}

ptrdiff_t strips(int columns) {
    return (columns + lanes - 1) / lanes;
}

// A strip more than a row takes: rows whose distance is a power of two would share few places in the cache.
ptrdiff_t rowStride(int columns) {
    return (strips(columns) + 1) * lanes;
}

} // namespace

void HeadScaling::check(const HeadShape& shape) const {
    const auto finite = [](float number) { return std::isfinite(number); };
    const auto positive = [](float number) { return std::isfinite(number) && number > 0; };
    if (mean.size() != shape.columns.size() || deviation.size() != shape.columns.size() ||
        !std::all_of(mean.begin(), mean.end(), finite) || !std::all_of(deviation.begin(), deviation.end(), positive)) {
        throw EngineError("ERR_INVALID_ARGUMENT",
                          "The head's mean and deviation must have a finite number for each of the " +
                              std::to_string(shape.columns.size()) + " columns, deviations above 0.");
    }
}

HeadNetwork::HeadNetwork(HeadShape shape, HeadScaling scaling, int chunks)
    : shape_(std::move(shape)), at_(shape_.offsets()), scaling_(std::move(scaling)) {
    const auto panels = [&](int rows) { return std::vector<float>(static_cast<size_t>(at(chunks, rows))); };
    inputs_.assign(static_cast<size_t>(shape_.depth) + 1,
                   std::vector<float>(static_cast<size_t>(chunks) * lanes * rowStride(shape_.width)));
    z_.assign(static_cast<size_t>(shape_.depth), panels(shape_.width));
    logits_ = panels(logitRows());
    logitGradients_ = panels(logitRows());
    if (shape_.kind == HeadKind::full) {
        hidden_ = panels(hiddenRows());
        activated_ = panels(hiddenRows());
        scalarRows_.assign(maxHeadOutputs,
                           std::vector<float>(static_cast<size_t>(chunks) * lanes * rowStride(shape_.scalars())));
    }
    planGradients();
}

HeadNetwork::Scratch HeadNetwork::makeScratch() const {
    const auto panel = [](int rows) { return std::vector<float>(static_cast<size_t>(rows) * lanes); };
    return {panel(shape_.width), panel(shape_.width), panel(hiddenRows()), panel(maxHeadOutputs * shape_.scalars())};
}

void StateDropout::apply(std::span<float> state, size_t place) const {
    if (share == 0) {
        return;
    }
    // A number of 64 random bits decides about four of them.
    const auto threshold = static_cast<uint64_t>(share * 0x1p16);
    const auto scale = static_cast<float>(1 / (1 - share));
    Random random(mixed(seed ^ mixed(place)));
    uint64_t bits = 0;
    for (size_t i = 0; i < state.size(); ++i) {
        bits = i % 4 == 0 ? random.next() : bits >> 16U;
        state[i] *= (bits & 0xffffU) < threshold ? 0.0F : scale;
    }
}

// The states of a chunk as a panel; of examples that are not there any more, zeros.
void HeadNetwork::readStates(const HeadExamples& examples, size_t first, size_t end, int chunk, Scratch& scratch,
                             const StateDropout& dropout) {
    const ptrdiff_t stride = rowStride(shape_.width);
    float* rows = inputs_[0].data() + chunk * lanes * stride;
    const auto width = static_cast<size_t>(shape_.width);
    for (int lane = 0; lane < lanes; ++lane, rows += stride) {
        const size_t example = first + static_cast<size_t>(lane);
        if (example < end) {
            const auto state = static_cast<size_t>(examples.stateOf[example]);
            ggml_fp16_to_fp32_row(examples.states.data() + state * width, rows, shape_.width);
            dropout.apply({rows, width}, static_cast<size_t>(chunk * lanes + lane));
        } else {
            std::fill(rows, rows + width, 0.0F);
        }
        for (size_t i = 0; i < width; ++i) {
            scratch.x[i * lanes + static_cast<size_t>(lane)] = rows[i];
        }
    }
}

// The scalars that each output may read, standardized, as panels and as rows; zeros for the others.
void HeadNetwork::readScalars(const HeadExamples& examples, size_t first, size_t end, int chunk, Scratch& scratch) {
    const auto columns = static_cast<size_t>(shape_.scalars());
    const ptrdiff_t stride = rowStride(shape_.scalars());
    for (size_t output = 0; output < maxHeadOutputs; ++output) {
        float* rows = scalarRows_[output].data() + chunk * lanes * stride;
        float* panel = scratch.scalars.data() + output * columns * lanes;
        for (size_t lane = 0; lane < lanes; ++lane, rows += stride) {
            for (size_t i = 0; i < columns; ++i) {
                float scalar = 0;
                if (first + lane < end && shape_.masks[output * columns + i] != 0) {
                    scalar =
                        (examples.scalars[(first + lane) * columns + i] - scaling_.mean[i]) / scaling_.deviation[i];
                }
                rows[i] = scalar;
                panel[i * lanes + lane] = scalar;
            }
        }
    }
}

void HeadNetwork::forward(const float* parameters, const HeadExamples& examples, size_t first, size_t end, int chunk,
                          Scratch& scratch, const StateDropout& dropout) {
    readStates(examples, first, end, chunk, scratch, dropout);
    const size_t size = scratch.x.size();
    for (int i = 0; i < shape_.depth; ++i) {
        float* z = z_[static_cast<size_t>(i)].data() + at(chunk, shape_.width);
        Product product;
        product.rows = product.inner = shape_.width;
        product.a = parameters + at_.blocks[i].weight;
        product.aRow = shape_.width;
        product.aInner = 1;
        product.b = scratch.x.data();
        product.c = z;
        product.bias = parameters + at_.blocks[i].bias;
        multiply(product);
        addSilu(z, scratch.x.data(), size);
        keepRows(i + 1, chunk, scratch.x.data());
    }
    Product outputs;
    outputs.inner = shape_.width;
    outputs.aRow = shape_.width;
    outputs.aInner = 1;
    outputs.b = scratch.x.data();
    if (shape_.kind == HeadKind::paper) {
        outputs.rows = 2;
        outputs.a = parameters + at_.output;
        outputs.bias = parameters + at_.outputBias;
        outputs.c = logits_.data() + at(chunk, 2);
        multiply(outputs);
        return;
    }
    outputs.rows = hiddenRows();
    outputs.a = parameters + at_.state;
    outputs.bias = parameters + at_.hiddenBias;
    outputs.c = hidden_.data() + at(chunk, hiddenRows());
    multiply(outputs);
    readScalars(examples, first, end, chunk, scratch);
    forwardOutputs(parameters, chunk, scratch);
}

void HeadNetwork::forwardOutputs(const float* parameters, int chunk, const Scratch& scratch) {
    float* hidden = hidden_.data() + at(chunk, hiddenRows());
    float* activated = activated_.data() + at(chunk, hiddenRows());
    float* logits = logits_.data() + at(chunk, maxHeadOutputs);
    const int columns = shape_.scalars();
    for (int output = 0; output < maxHeadOutputs; ++output) {
        Product product;
        product.rows = shape_.hidden;
        product.inner = columns;
        product.a = parameters + at_.scalars + static_cast<ptrdiff_t>(output) * shape_.hidden * columns;
        product.aRow = columns;
        product.aInner = 1;
        product.b = scratch.scalars.data() + at(output, columns);
        product.c = hidden + at(output, shape_.hidden);
        product.add = true;
        multiply(product);

        Product skip = product;
        skip.rows = 1;
        skip.a = parameters + at_.skip + static_cast<ptrdiff_t>(output) * columns;
        skip.c = logits + at(output, 1);
        skip.bias = parameters + at_.outputBias + output;
        skip.add = false;
        multiply(skip);
    }
    silu(hidden, activated, static_cast<size_t>(at(1, hiddenRows())));
    for (int output = 0; output < maxHeadOutputs; ++output) {
        Product product;
        product.rows = 1;
        product.inner = shape_.hidden;
        product.a = parameters + at_.output + static_cast<ptrdiff_t>(output) * shape_.hidden;
        product.aInner = 1;
        product.b = activated + at(output, shape_.hidden);
        product.c = logits + at(output, 1);
        product.add = true;
        multiply(product);
    }
}

void HeadNetwork::keepRows(int block, int chunk, const float* x) {
    const ptrdiff_t stride = rowStride(shape_.width);
    float* rows = inputs_[static_cast<size_t>(block)].data() + chunk * lanes * stride;
    for (int lane = 0; lane < lanes; ++lane, rows += stride) {
        for (int i = 0; i < shape_.width; ++i) {
            rows[i] = x[static_cast<ptrdiff_t>(i) * lanes + lane];
        }
    }
}

void HeadNetwork::scores(int chunk, float* scores) const {
    const float* logits = logits_.data() + at(chunk, logitRows());
    if (shape_.kind == HeadKind::full) {
        std::copy(logits, logits + at(1, maxHeadOutputs), scores);
        return;
    }
    for (int lane = 0; lane < lanes; ++lane) {
        scores[lane] = logits[lanes + lane] - logits[lane];
    }
}

HeadNetwork::Loss HeadNetwork::backward(const float* parameters, const HeadExamples& examples, size_t first, size_t end,
                                        int chunk, double rejectionWeight, Scratch& scratch) {
    const Loss loss = lossOf(examples, first, end, chunk, rejectionWeight);
    const float* logitGradients = logitGradients_.data() + at(chunk, logitRows());
    float* hidden = hidden_.data() + at(chunk, hiddenRows());
    Product trunk; // the gradient of what the outputs read
    trunk.rows = shape_.width;
    trunk.aRow = 1;
    trunk.aInner = shape_.width;
    trunk.c = scratch.gradient.data();
    if (shape_.kind == HeadKind::paper) {
        trunk.inner = 2;
        trunk.a = parameters + at_.output;
        trunk.b = logitGradients;
    } else {
        const float* v = parameters + at_.output;
        for (int row = 0; row < hiddenRows(); ++row) {
            const float* gradient = logitGradients + at(row / shape_.hidden, 1);
            for (int lane = 0; lane < lanes; ++lane) {
                scratch.hidden[static_cast<size_t>(row * lanes + lane)] = v[row] * gradient[lane];
            }
        }
        siluGradient(scratch.hidden.data(), hidden, scratch.hidden.size());
        trunk.inner = hiddenRows();
        trunk.a = parameters + at_.state;
        trunk.b = hidden;
    }
    if (shape_.depth == 0) {
        return loss; // the states are given
    }
    multiply(trunk);
    for (int i = shape_.depth - 1; i >= 0; --i) {
        float* z = z_[static_cast<size_t>(i)].data() + at(chunk, shape_.width);
        siluGradient(scratch.gradient.data(), z, scratch.gradient.size());
        if (i > 0) {
            trunk.inner = shape_.width;
            trunk.a = parameters + at_.blocks[i].weight;
            trunk.b = z;
            trunk.add = true;
            multiply(trunk);
        }
    }
    return loss;
}

HeadNetwork::Loss HeadNetwork::lossOf(const HeadExamples& examples, size_t first, size_t end, int chunk,
                                      double rejectionWeight) {
    float scored[maxHeadOutputs * lanes];
    scores(chunk, scored);
    float* gradients = logitGradients_.data() + at(chunk, logitRows());
    Loss loss;
    for (int output = 0; output < shape_.outputs(); ++output) {
        for (int lane = 0; lane < lanes; ++lane) {
            const size_t example = first + static_cast<size_t>(lane);
            const double label =
                example < end ? examples.labels[2 * example + (output == older ? 0 : 1)] : std::nan("");
            double gradient = 0;
            if (!std::isnan(label)) {
                const double score = scored[output * lanes + lane];
                const double predicted = 1 / (1 + std::exp(-score));
                loss.sum += label * softplus(-score) + rejectionWeight * (1 - label) * softplus(score);
                loss.labels += 1;
                gradient = rejectionWeight * (1 - label) * predicted - label * (1 - predicted);
            }
            if (shape_.kind == HeadKind::paper) {
                gradients[lane] = static_cast<float>(-gradient);
                gradients[lanes + lane] = static_cast<float>(gradient);
            } else {
                gradients[output * lanes + lane] = static_cast<float>(gradient);
            }
        }
    }
    return loss;
}

void HeadNetwork::planGradients() {
    const int width = shape_.width;
    const int columns = shape_.scalars();
    const auto inputsOf = [&](int i) { return Rows{inputs_[static_cast<size_t>(i)].data(), rowStride(width)}; };
    for (int i = 0; i < shape_.blocks(); ++i) {
        std::vector<Term> weight;
        std::vector<Term> bias;
        for (int use = i; use < (shape_.tied ? shape_.depth : i + 1); ++use) {
            const Panels z{z_[static_cast<size_t>(use)].data(), at(1, width)};
            weight.push_back({z, inputsOf(use)});
            bias.push_back({z});
        }
        plan(at_.blocks[i].weight, width, width, true, weight);
        plan(at_.blocks[i].bias, width, 1, false, bias);
    }
    const Panels logits{logitGradients_.data(), at(1, logitRows())};
    const Rows last = inputsOf(shape_.depth);
    plan(at_.outputBias, logitRows(), 1, false, {{logits}});
    if (shape_.kind == HeadKind::paper) {
        plan(at_.output, 2, width, true, {{logits, last}});
        return;
    }
    const Panels hidden{hidden_.data(), at(1, hiddenRows())};
    const Panels activated{activated_.data(), at(1, hiddenRows())};
    plan(at_.state, hiddenRows(), width, true, {{hidden, last}});
    plan(at_.hiddenBias, hiddenRows(), 1, false, {{hidden}});
    for (int output = 0; output < maxHeadOutputs; ++output) {
        const int row = output * shape_.hidden;
        const Rows scalars{scalarRows_[static_cast<size_t>(output)].data(), rowStride(columns)};
        plan(at_.scalars + static_cast<size_t>(row * columns), shape_.hidden, columns, true,
             {{hidden.from(row), scalars}});
        plan(at_.output + static_cast<size_t>(row), shape_.hidden, 1, true,
             {{activated.from(row), {}, logits.from(output)}});
        plan(at_.skip + static_cast<size_t>(output * columns), 1, columns, true, {{logits.from(output), scalars}});
    }
}

void HeadNetwork::plan(size_t offset, int rows, int columns, bool decays, const std::vector<Term>& terms) {
    constexpr int piece = 16;
    for (int row = 0; row < rows && columns > 0; row += piece) {
        Gradient gradient{offset + static_cast<size_t>(row) * static_cast<size_t>(columns), std::min(piece, rows - row),
                          columns, decays, terms};
        for (Term& term : gradient.terms) {
            term.a = term.a.from(row);
        }
        gradients_.push_back(std::move(gradient));
    }
}

HeadNetwork::Panels HeadNetwork::Panels::from(int row) const {
    return {this->at + static_cast<ptrdiff_t>(row) * lanes, stride};
}

ptrdiff_t HeadNetwork::gradientStride(const Gradient& gradient) {
    return gradient.terms.front().b.at == nullptr ? 1 : strips(gradient.columns) * lanes;
}

size_t HeadNetwork::gradientSize() const {
    size_t most = 0;
    for (const Gradient& gradient : gradients_) {
        most = std::max(most, static_cast<size_t>(gradient.rows * gradientStride(gradient)));
    }
    return most;
}

void HeadNetwork::evaluate(const Gradient& gradient, int chunks, float* out) {
    const ptrdiff_t stride = gradientStride(gradient);
    std::fill(out, out + gradient.rows * stride, 0.0F);
    for (const Term& term : gradient.terms) {
        if (term.b.at == nullptr) {
            addRowSums(term.a.at, term.a.stride, term.weights.at, term.weights.stride, chunks, gradient.rows, out);
            continue;
        }
        Product product;
        product.rows = gradient.rows;
        product.strips = static_cast<int>(strips(gradient.columns));
        product.inner = lanes;
        product.outer = chunks;
        product.a = term.a.at;
        product.aRow = lanes;
        product.aInner = 1;
        product.aOuter = term.a.stride;
        product.b = term.b.at;
        product.bInner = term.b.stride;
        product.bOuter = term.b.stride * lanes;
        product.c = out;
        product.cRow = stride;
        product.add = true;
        multiply(product);
    }
}

} // namespace specdecpp
