#include "head-reference.h"

#include <cmath>
#include <limits>
#include <random>

using namespace specdecpp;

RandomExamples::RandomExamples(const HeadShape& shape, size_t count, uint64_t seed) {
    std::mt19937_64 generator(seed);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform(0, 1);
    const size_t rows = count / 2 + 1; // some examples share a state
    for (size_t i = 0; i < rows * static_cast<size_t>(shape.width); ++i) {
        states.push_back(ggml_fp32_to_fp16(normal(generator)));
    }
    for (size_t i = 0; i < count; ++i) {
        stateOf.push_back(static_cast<int32_t>(generator() % rows));
        for (int column = 0; column < shape.scalars(); ++column) {
            scalars.push_back(0.5F + 2 * normal(generator));
        }
        for (int label = 0; label < 2; ++label) {
            labels.push_back(generator() % 5 == 0 ? std::numeric_limits<float>::quiet_NaN() : uniform(generator));
        }
    }
}

HeadExamples RandomExamples::part(size_t from, size_t count) const {
    const size_t columns = scalars.size() / stateOf.size();
    const HeadExamples all = view();
    return {all.states, all.stateOf.subspan(from, count), all.scalars.subspan(from * columns, count * columns),
            all.labels.subspan(2 * from, 2 * count)};
}

HeadShape paperShape(int width, int depth, bool tied) {
    HeadShape shape;
    shape.width = width;
    shape.depth = depth;
    shape.tied = tied;
    return shape;
}

HeadShape fullShape(int width, int depth, bool tied, int hidden, int columns) {
    HeadShape shape = paperShape(width, depth, tied);
    shape.kind = HeadKind::full;
    shape.hidden = hidden;
    for (int output = 0; output < maxHeadOutputs; ++output) {
        for (int column = 0; column < columns; ++column) {
            if (output == 0) {
                shape.columns.push_back("column " + std::to_string(column));
            }
            shape.masks.push_back(output == newest || column < columns - 1 ? 1 : 0);
        }
    }
    return shape;
}

HeadScaling someScaling(const HeadShape& shape) {
    HeadScaling scaling;
    for (int column = 0; column < shape.scalars(); ++column) {
        scaling.mean.push_back(0.25F * static_cast<float>(column));
        scaling.deviation.push_back(1.5F + 0.5F * static_cast<float>(column));
    }
    return scaling;
}

std::vector<float> randomParameters(const HeadShape& shape, uint64_t seed) {
    std::mt19937_64 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> parameters;
    for (const HeadTensor& tensor : shape.tensors()) {
        const float deviation = 0.8F / std::sqrt(static_cast<float>(tensor.columns));
        for (size_t i = 0; i < tensor.size(); ++i) {
            parameters.push_back(deviation * normal(generator));
        }
    }
    return parameters;
}

namespace {

double logistic(double x) {
    return 1 / (1 + std::exp(-x));
}

// Takes parameters in the order that lib/native/binding.ts gives.
class Reader {
public:
    explicit Reader(const double* at) : at_(at) {}

    const double* take(size_t count) {
        const double* taken = at_;
        at_ += count;
        return taken;
    }

private:
    const double* at_;
};

double dot(const double* weights, const std::vector<double>& x) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        sum += weights[i] * x[i];
    }
    return sum;
}

std::vector<double> scoresOf(const HeadShape& shape, const HeadScaling& scaling, const double* parameters,
                             std::vector<double> x, const float* scalars) {
    const size_t width = x.size();
    Reader reader(parameters);
    const double* weight = nullptr;
    const double* bias = nullptr;
    for (int block = 0; block < shape.depth; ++block) {
        if (block == 0 || !shape.tied) {
            weight = reader.take(width * width);
            bias = reader.take(width);
        }
        std::vector<double> next = x;
        for (size_t i = 0; i < width; ++i) {
            const double z = dot(weight + i * width, x) + bias[i];
            next[i] += z * logistic(z);
        }
        x = next;
    }
    if (shape.kind == HeadKind::paper) {
        weight = reader.take(2 * width);
        bias = reader.take(2);
        return {dot(weight + width, x) + bias[1] - dot(weight, x) - bias[0]};
    }
    const auto hidden = static_cast<size_t>(shape.hidden);
    const auto columns = static_cast<size_t>(shape.scalars());
    const double* a = reader.take(3 * hidden * width);
    const double* b = reader.take(3 * hidden * columns);
    const double* c = reader.take(3 * hidden);
    const double* v = reader.take(3 * hidden);
    const double* w = reader.take(3 * columns);
    const double* last = reader.take(3);
    std::vector<double> logits;
    for (size_t o = 0; o < 3; ++o) {
        std::vector<double> s;
        for (size_t i = 0; i < columns; ++i) {
            s.push_back(shape.masks[o * columns + i] == 0
                            ? 0
                            : (static_cast<double>(scalars[i]) - scaling.mean[i]) / scaling.deviation[i]);
        }
        double logit = dot(w + o * columns, s) + last[o];
        for (size_t i = o * hidden; i < (o + 1) * hidden; ++i) {
            const double u = dot(a + i * width, x) + dot(b + i * columns, s) + c[i];
            logit += v[i] * u * logistic(u);
        }
        logits.push_back(logit);
    }
    return logits;
}

} // namespace

std::vector<double> referenceScores(const HeadShape& shape, const HeadScaling& scaling,
                                    const std::vector<double>& parameters, const HeadExamples& examples) {
    const auto width = static_cast<size_t>(shape.width);
    const auto columns = static_cast<size_t>(shape.scalars());
    std::vector<double> all;
    for (size_t i = 0; i < examples.size(); ++i) {
        std::vector<double> x;
        for (size_t j = 0; j < width; ++j) {
            x.push_back(ggml_fp16_to_fp32(examples.states[static_cast<size_t>(examples.stateOf[i]) * width + j]));
        }
        const std::vector<double> logits =
            scoresOf(shape, scaling, parameters.data(), x, examples.scalars.data() + i * columns);
        all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
}

double referenceLoss(const HeadShape& shape, const HeadScaling& scaling, const std::vector<double>& parameters,
                     const HeadExamples& examples, double rejectionWeight) {
    const std::vector<double> scores = referenceScores(shape, scaling, parameters, examples);
    const auto outputs = static_cast<size_t>(shape.outputs());
    double sum = 0;
    int count = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
        const double label = examples.labels[2 * (i / outputs) + (i % outputs == older ? 0 : 1)];
        if (!std::isnan(label)) {
            const double p = logistic(scores[i]);
            sum -= label * std::log(p) + rejectionWeight * (1 - label) * std::log(1 - p);
            ++count;
        }
    }
    return sum / count;
}

std::vector<double> referenceGradient(const HeadShape& shape, const HeadScaling& scaling,
                                      const std::vector<double>& parameters, const HeadExamples& examples,
                                      double rejectionWeight) {
    constexpr double step = 1e-5;
    std::vector<double> gradient;
    std::vector<double> moved = parameters;
    for (size_t i = 0; i < moved.size(); ++i) {
        moved[i] = parameters[i] + step;
        const double above = referenceLoss(shape, scaling, moved, examples, rejectionWeight);
        moved[i] = parameters[i] - step;
        const double below = referenceLoss(shape, scaling, moved, examples, rejectionWeight);
        moved[i] = parameters[i];
        gradient.push_back((above - below) / (2 * step));
    }
    return gradient;
}
