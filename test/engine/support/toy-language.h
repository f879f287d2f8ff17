#pragma once

#include "distribution.h"

#include <map>
#include <random>
#include <utility>
#include <vector>

using Tokens = std::vector<specdecpp::Token>;

Tokens joined(Tokens a, const Tokens& b);

// A toy language: random p and q for each prefix, made when they are asked for. Some are equal, some of
// disjoint supports, some all but certain; dense and sparse ones alternate.
class ToyLanguage {
public:
    ToyLanguage(int size, unsigned seed) : size_(size), generator_(seed) {}

    const specdecpp::Distribution& p(const Tokens& prefix) { return rows(prefix).first; }
    const specdecpp::Distribution& q(const Tokens& prefix) { return rows(prefix).second; }
    int size() const { return size_; }

    struct Rows {
        std::vector<specdecpp::Distribution> p; // one more than drafted
        std::vector<specdecpp::Distribution> q;
    };
    // What a verifier is given of one draft after `text`.
    Rows rowsOf(const Tokens& text, const Tokens& drafted);

private:
    const std::pair<specdecpp::Distribution, specdecpp::Distribution>& rows(const Tokens& prefix);
    std::pair<specdecpp::Distribution, specdecpp::Distribution> make();
    std::vector<double> row(double zeros);
    specdecpp::Distribution distribution(std::vector<double> weights);

    int size_;
    std::mt19937_64 generator_;
    std::map<Tokens, std::pair<specdecpp::Distribution, specdecpp::Distribution>> rows_;
};
