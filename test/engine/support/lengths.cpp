#include "lengths.h"

#include <algorithm>

using namespace specdecpp;

Lengths scheduleLengths(int first, int longest) {
    Lengths lengths;
    lengths.memory = {static_cast<double>(first)};
    lengths.next = [](const Lengths::Memory& memory) { return static_cast<int>(memory[0]); };
    lengths.after = [longest](const Lengths::Memory& memory, const Round& last) {
        if (last.drafted == 0) {
            return memory;
        }
        return Lengths::Memory{last.accepted == last.drafted ? std::min(memory[0] + 2, static_cast<double>(longest))
                                                             : std::max(memory[0] - 1, 1.0)};
    };
    return lengths;
}

Lengths expectedLengths(int longest, double rate, double draftStep, double targetPass) {
    Lengths lengths;
    lengths.memory.assign(static_cast<size_t>(longest), 0.7);
    lengths.next = [draftStep, targetPass](const Lengths::Memory& acceptance) {
        size_t best = 0;
        double bestRate = 1 / targetPass;
        double survival = 1;
        double committed = 1;
        for (size_t length = 1; length <= acceptance.size(); ++length) {
            survival *= acceptance[length - 1];
            committed += survival;
            const double tokensForTime = committed / (static_cast<double>(length) * draftStep + targetPass);
            if (tokensForTime > bestRate) {
                best = length;
                bestRate = tokensForTime;
            }
        }
        return static_cast<int>(best);
    };
    lengths.after = [rate](Lengths::Memory acceptance, const Round& last) {
        for (size_t i = 0; i < last.draft.size(); ++i) {
            acceptance[i] += rate * (last.draft[i].acceptance - acceptance[i]);
        }
        return acceptance;
    };
    return lengths;
}
