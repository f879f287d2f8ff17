import type { PolicyKind } from "./policy";

/** Stops when the draft's own probability of all that it has drawn in the round falls below P. */
export const cumulative: PolicyKind = {
  name: "cumulative",
  describe: "until the product of the drawn tokens' probabilities is below P",
  parameter: { name: "P", min: 0, max: 1, default: 0.3 },
  create: (threshold, maxDraft) => ({
    name: `cumulative:${threshold}`,
    next: () => ({
      length: maxDraft,
      gate: {
        when: "after-draw",
        estimate: { logProbability: 1, link: "exponential" },
        over: "product",
        threshold,
      },
    }),
  }),
};
