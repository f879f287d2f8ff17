#include "decisions.h"

#include "rejection-sampling.h"

#include <cmath>
#include <set>

using namespace specdecpp;

namespace {

// Gives the numbers of a script, then zeros; knows where the script's last number was spent.
class ScriptedRandom : public Random {
public:
    explicit ScriptedRandom(const std::vector<double>& script) : Random(0), script_(script) {}
    double uniform() override { return drawn_++ < script_.size() ? script_[drawn_ - 1] : 0; }
    size_t drawn() const { return drawn_; }

private:
    const std::vector<double>& script_;
    size_t drawn_ = 0;
};

// What the verifier does between the script's last number and the next one it asks for.
struct Step {
    std::vector<int> rows;             // of p that it looks at
    std::optional<VerdictKey> verdict; // if it asks for no further number
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
        ScriptedRandom random(script);
        Step step;
        const VerifierInput input{drafted_, q_,
                                  [&](int i) -> const Distribution& {
                                      if (random.drawn() == script.size()) {
                                          step.rows.push_back(i);
                                      }
                                      return p_.at(static_cast<size_t>(i));
                                  },
                                  hasBonusRow_};
        const Verdict verdict = verifier_.verify(input, random);
        if (random.drawn() <= script.size()) {
            step.verdict = VerdictKey{verdict.accepted, verdict.next};
        }
        return step;
    }

    // row: the last that the verifier has looked at, whose bounds the next number is compared with.
    void follow(const Step& step, std::vector<double> script, int row, double mass) {
        if (step.verdict) {
            law_[*step.verdict] += mass;
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
        if (row < drafted_.size()) {
            addSums(residual(p_[row], q_[row]));
            const Token token = drafted_[row];
            bounds.insert(acceptanceProbability(p_[row].probability(token), q_[row].probability(token)));
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
