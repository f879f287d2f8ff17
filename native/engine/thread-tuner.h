#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace specdecpp {

// Chooses how many threads a decode uses, by what decodes took. More threads are not always faster: a
// small model loses more at the barriers than it gains, and where other programs have the cores, threads
// that wait for each other at barriers by spinning can be a thousand times slower than one.
//
// Decodes of about as many rows are compared with one another. Each other number of threads is tried
// now and then, and given up when it takes longer than what is known to do.
class ThreadTuner {
public:
    // maxThreads: the most to use, at least 1. expectedMicros: a generous guess of what one thread needs
    // for one row; a first decode is given up after it.
    ThreadTuner(int maxThreads, double expectedMicros);

    struct Plan {
        int threads;
        double patienceMicros; // give the decode up after this time
    };

    Plan plan(int rows);

    // What came of a plan. A decode that was given up is repeated with a new plan.
    void observe(int rows, const Plan& plan, double micros, bool gaveUp);

private:
    struct Candidate {
        int threads;
        double micros = 0; // running average; 0: not tried yet
    };

    // Decodes of about as many rows: 1, 2, 3–4, 5–8, …
    struct RowClass {
        std::vector<Candidate> candidates; // most threads first
        size_t best = 0;
        int untilTrial = 1; // decodes before another number is tried
        int period = 1;     // and before the one after that
        size_t nextTrial = 0;
    };

    RowClass& classOf(int rows);

    std::array<RowClass, 11> classes_;
    double expectedMicros_;
};

} // namespace specdecpp
