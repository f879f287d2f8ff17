import type { Figure } from "../replay/bootstrap";
import { compareSpeeds } from "./speeds";
import type { RuleRun } from "./turns";

/** What a rule came to beside plain decoding. */
export interface RuleSpeed {
  rule: string;
  tokensPerSecond: Figure;
  /** Over plain decoding, of the same turns. */
  speedup: Figure;
  tokensPerPass: number;
  /** accepted / drafted; none without drafts. */
  acceptanceRate?: number;
  /** Drafted tokens a target pass. */
  meanDraft: number;
}

export const plainRule = "none";

/** One for each run, in their order; one of them is of the rule "none". */
export function reportSpeeds(runs: readonly RuleRun[]): RuleSpeed[] {
  const plain = runs.find(({ rule }) => rule === plainRule);
  if (plain === undefined) throw new RangeError("no run of plain decoding");
  return runs.map(({ rule, texts, targetPasses, drafted, accepted }) => {
    const { tokensPerSecond, ratio } = compareSpeeds([texts], [plain.texts]);
    const generated = texts.reduce((sum, text) => sum + text.generated, 0);
    return {
      rule,
      tokensPerSecond,
      speedup: ratio,
      tokensPerPass: generated / targetPasses,
      ...(drafted > 0 && { acceptanceRate: accepted / drafted }),
      meanDraft: drafted / targetPasses,
    };
  });
}

/** Texts of each rule below which nothing is advised: their interval says little. */
const fewestTexts = 5;

/** A draft of which less is kept is of no use, however cheap it is. */
const usefulAcceptance = 0.3;

/** Why no rule is faster than plain decoding: drafts that are rejected, or what passes cost. */
function causeOf(drafting: readonly RuleSpeed[]): string {
  const rates = drafting.flatMap(({ acceptanceRate }) => acceptanceRate ?? []);
  const highest = Math.max(0, ...rates);
  return highest < usefulAcceptance
    ? `of the drafted tokens ${(100 * highest).toFixed(0)} % at most are accepted, so try a draft of the same family and tuning as the target`
    : `drafts are accepted (${(100 * highest).toFixed(0)} % at most), but cost too much beside a pass of the target; specdecpp fit shows what costs how much`;
}

/**
 * What to do, in one sentence, after so many texts of each rule. `standard`, the rule that engines have without being told, is named where
 * the best is not clearly better.
 */
export function advise(speeds: readonly RuleSpeed[], texts: number, standard: string): string {
  const drafting = speeds.filter(({ rule }) => rule !== plainRule);
  const best = drafting.reduce((a, b) => (b.speedup.value > a.speedup.value ? b : a));
  const { value, low = value, high = value } = best.speedup;
  const times = (number: number): string => number.toFixed(2);
  if (texts < fewestTexts) {
    return "So few texts say too little: measure longer, with a larger --seconds.";
  }
  const interval = `${times(low)} to ${times(high)}`;
  if (high < 1) {
    return `Do without this draft: the fastest rule with it, ${best.rule}, has ${times(value)} (${interval}) times the speed of plain decoding; ${causeOf(drafting)}.`;
  }
  if (low <= 1) {
    return `This draft makes no clear difference: the fastest rule with it, ${best.rule}, has ${times(value)} (${interval}) times the speed of plain decoding; a larger --seconds narrows that.`;
  }
  const usual = speeds.find(({ rule }) => rule === standard);
  if (usual !== undefined && usual !== best && usual.speedup.value >= low) {
    return `Use this draft, with the default rule: ${standard} has ${times(usual.speedup.value)} times the speed of plain decoding, and the fastest, ${best.rule}, is not clearly faster (${times(value)}, ${interval}).`;
  }
  const how = best.rule === standard ? "with the default rule" : `with --stop ${best.rule}`;
  return `Use this draft, ${how}: it has ${times(value)} (${interval}) times the speed of plain decoding.`;
}
