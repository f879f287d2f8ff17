import type { PolicyKind } from "./policy";

/**
 * Stops before a token when the draft's largest probability is below P, as llama.cpp (p_min),
 * transformers (assistant_confidence_threshold) and node-llama-cpp (minConfidence) do.
 */
export const confidence: PolicyKind = {
  name: "confidence",
  describe: "until the draft's largest probability is below P",
  parameter: { name: "P", min: 0, max: 1, default: 0.4 },
  create: (threshold, maxDraft) => ({
    name: `confidence:${threshold}`,
    next: () => ({
      length: maxDraft,
      // The logistic function of the logit: the largest probability itself.
      gate: { when: "before-draw", estimate: { logitMode: 1, link: "logistic" }, threshold },
    }),
  }),
};
