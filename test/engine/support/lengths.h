#pragma once

#include "session.h"

#include <functional>
#include <vector>

// How long a round may be, by the rounds before it. What is remembered of them is a value, so that an
// enumeration can go on from each outcome of a round.
struct Lengths {
    using Memory = std::vector<double>;
    Memory memory;
    std::function<int(const Memory&)> next;                                   // drafted tokens at most
    std::function<Memory(const Memory&, const specdecpp::Round& last)> after; // needs its details
};

// lib/policy/schedule.ts: two tokens more after full acceptance, else one fewer.
Lengths scheduleLengths(int first, int longest);

// lib/policy/expected.ts without what it tries out: the length with the most tokens for the time, by the
// average acceptance at each depth. `rate`: weight of a new round; prices: one draft step, and a target
// pass, whatever its length.
Lengths expectedLengths(int longest, double rate, double draftStep, double targetPass);
