import type { PolicyKind } from "./policy";

/**
 * Two tokens more after a round that was accepted whole, one fewer after any other: the "heuristic"
 * schedule of transformers' assisted generation.
 */
export const schedule: PolicyKind = {
  name: "schedule",
  describe: "K tokens at first, then 2 more after full acceptance, else 1 fewer",
  parameter: { name: "K", min: 1, max: Infinity, whole: true, default: 5 },
  create: (start, maxDraft) => {
    let length = start;
    return {
      name: "schedule",
      next: () => ({ length }),
      observe: ({ drafted, accepted }) => {
        if (drafted > 0) {
          length = accepted === drafted ? Math.min(length + 2, maxDraft) : Math.max(length - 1, 1);
        }
      },
    };
  },
};
