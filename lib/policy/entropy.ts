import type { PolicyKind } from "./policy";

/** AdaEDL's γ: the bound 1 - √(γ H(q)) on the acceptance rate (Agrawal et al. 2024, arXiv 2410.18351, eq. 5). */
const gamma = 0.2;

/** Stops before a token when AdaEDL's entropy-based lower bound on its acceptance is below P. */
export const entropy: PolicyKind = {
  name: "entropy",
  describe: "until the entropy bound 1 - √(0.2 H) on acceptance is below P",
  parameter: { name: "P", min: 0, max: 1, default: 0.4 },
  create: (threshold, maxDraft) => ({
    name: `entropy:${threshold}`,
    next: () => ({
      length: maxDraft,
      gate: {
        when: "before-draw",
        estimate: { bias: 1, rootEntropy: -Math.sqrt(gamma) },
        threshold,
      },
    }),
  }),
};
