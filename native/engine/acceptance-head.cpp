#include "acceptance-head.h"

#include "head-trainer.h"

namespace specdecpp {

std::vector<float> AcceptanceHead::scores(const HeadExamples& examples, std::span<const int32_t> drafted) const {
    std::vector<float> scores = headScores(shape(), file_.scaling, file_.parameters(), examples, 1);
    const auto outputs = static_cast<size_t>(shape().outputs());
    for (size_t i = 0; i < scores.size(); ++i) {
        scores[i] =
            static_cast<float>(file_.calibration.apply(static_cast<int>(i % outputs), drafted[i / outputs], scores[i]));
    }
    return scores;
}

} // namespace specdecpp
