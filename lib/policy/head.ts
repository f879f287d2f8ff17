import type { HeadKind } from "../head/examples";
import type { Estimate, PolicyKind, StopRule } from "./policy";

/** SpecDec++'s bound on the length of a draft (arXiv 2405.19715, §4.1); a draft of its rule has 2 tokens at least. */
const longest = 20;

const score: Estimate = { head: 1, link: "logistic" };
/** Of what has no score. */
const certain: Estimate = { bias: 1 };

/**
 * SpecDec++'s rule: stops when 1 - P̂ > H, P̂ the product of a head's scores. Its head scores a token once the
 * draft has read it, so the newest is never scored: the first step decides nothing, and the last token of a
 * draft is verified unjudged. A head with an output for the newest token scores it at once.
 */
export const head: PolicyKind = {
  name: "head",
  describe: "until a head finds a rejection likelier than H: SpecDec++'s rule; needs a head",
  parameter: { name: "H", min: 0, max: 1, default: 0.7 },
  needsHead: true,
  create: (h, maxDraft, kind) => {
    const rule = ruleOf(h, Math.min(longest, maxDraft), kind);
    return { name: `head:${h}`, next: () => rule };
  },
};

function ruleOf(h: number, length: number, kind: HeadKind | undefined): StopRule {
  return {
    length,
    survival: {
      newest: kind === "paper" ? certain : score,
      older: score,
      before: certain,
      next: certain,
      step: Array<number>(length).fill(1 - h),
      draw: Array<number>(length).fill(0),
    },
  };
}
