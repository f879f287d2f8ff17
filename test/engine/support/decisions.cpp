#include "decisions.h"

#include "excess.h"
#include "rejection-sampling.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace specdecpp;

namespace {

constexpr double lowestNumber = 0;
constexpr double highestNumber = 1 - 0x1.0p-53;

// Gives the numbers of a script, then always the same; knows where the script's last number was spent.
class ScriptedRandom : public Random {
public:
    ScriptedRandom(const std::vector<double>& script, double rest) : Random(0), script_(script), rest_(rest) {}
    double uniform() override { return drawn_++ < script_.size() ? script_[drawn_ - 1] : rest_; }
    size_t drawn() const { return drawn_; }

private:
    const std::vector<double>& script_;
    double rest_;
    size_t drawn_ = 0;
};

// What the verifier does after the script's last number: up to the next one it asks for, and in the end
// if all that follow are the lowest or the highest that can be.
struct Step {
    std::vector<int> rows; // of p that it looks at
    bool decided = false;  // whether it asks for no further number
    VerdictKey lowest;
    VerdictKey highest;
    auto operator<=>(const Step&) const = default;
};

class Enumerator {
public:
    Enumerator(const Verifier& verifier, const std::vector<Token>& drafted, const std::vector<Distribution>& p,
               const std::vector<Distribution>& q, bool hasBonusRow)
        : verifier_(verifier), drafted_(drafted), p_(p), q_(q), hasBonusRow_(hasBonusRow) {}

    std::map<VerdictKey, double> run() {
        follow(stepAfter({}), {}, 0, 1);
        return law_;
    }

private:
    Step stepAfter(const std::vector<double>& script) const {
        Step step;
        step.highest = verdictAfter(script, highestNumber, step);
        step.rows.clear();
        step.lowest = verdictAfter(script, lowestNumber, step);
        return step;
    }

    VerdictKey verdictAfter(const std::vector<double>& script, double rest, Step& step) const {
        ScriptedRandom random(script, rest);
        const VerifierInput input{drafted_, q_,
                                  [&](int i) -> const Distribution& {
                                      if (random.drawn() == script.size()) {
                                          step.rows.push_back(i);
                                      }
                                      return p_.at(static_cast<size_t>(i));
                                  },
                                  hasBonusRow_};
        const Verdict verdict = verifier_.verify(input, random);
        step.decided = random.drawn() <= script.size();
        return {verdict.accepted, verdict.next};
    }

    // row: the last that the verifier has looked at, whose bounds the next number is compared with.
    void follow(const Step& step, std::vector<double> script, int row, double mass) {
        if (step.decided) {
            law_[step.lowest] += mass;
            return;
        }
        row = step.rows.empty() ? row : step.rows.back();
        script.push_back(0);
        std::map<Step, Piece> pieces;
        const std::set<double> bounds = boundsOf(static_cast<size_t>(row));
        for (auto low = bounds.begin(), high = std::next(low); high != bounds.end(); ++low, ++high) {
            divide(script, *low, *high, pieces);
        }
        for (const auto& [next, piece] : pieces) {
            script.back() = piece.number;
            follow(next, script, row, mass * piece.width);
        }
    }

    struct Piece {
        double number; // one that leads here
        double width = 0;
    };

    void divide(std::vector<double>& script, double low, double high, std::map<Step, Piece>& pieces) const {
        script.back() = low;
        const Step first = stepAfter(script);
        script.back() = std::nextafter(high, 0);
        const double middle = low + (high - low) / 2;
        if (first == stepAfter(script) || middle == low || middle == high) {
            pieces.try_emplace(first, Piece{low}).first->second.width += high - low;
            return;
        }
        divide(script, low, middle, pieces);
        divide(script, middle, high, pieces);
    }

    std::set<double> boundsOf(size_t row) const {
        std::set<double> bounds = {0, 1};
        const auto addSums = [&bounds](const Distribution& d) {
            double sum = 0;
            for (const double probability : d.probabilities()) {
                sum += probability;
                if (sum > 0 && sum < 1) {
                    bounds.insert(sum);
                }
            }
        };
        addSums(p_[row]);
        double w = 1; // block verification's, after i tokens
        for (size_t i = 0; i < std::min(row + 1, drafted_.size()); ++i) {
            const Token token = drafted_[i];
            addSums(residual(p_[i], q_[i]));
            bounds.insert(acceptanceProbability(p_[i].probability(token), q_[i].probability(token)));
            Excess excess(w, p_[i], q_[i]);
            // Off by a rounding, so a narrow interval around it.
            const double h = excess.total() / (excess.total() + 1 - w);
            for (const double bound : {h - 0x1.0p-51, h + 0x1.0p-51}) {
                if (bound > 0 && bound < 1) {
                    bounds.insert(bound);
                }
            }
            if (excess.total() > 0) {
                addSums(std::move(excess).normalized());
            }
            w = std::min(1.0, w * p_[i].probability(token) / q_[i].probability(token));
            bounds.insert(w);
        }
        return bounds;
    }

    const Verifier& verifier_;
    const std::vector<Token>& drafted_;
    const std::vector<Distribution>& p_;
    const std::vector<Distribution>& q_;
    bool hasBonusRow_;
    std::map<VerdictKey, double> law_;
};

} // namespace

std::map<VerdictKey, double> decisions(const Verifier& verifier, const std::vector<Token>& drafted,
                                       const std::vector<Distribution>& p, const std::vector<Distribution>& q,
                                       bool hasBonusRow) {
    return Enumerator(verifier, drafted, p, q, hasBonusRow).run();
}
