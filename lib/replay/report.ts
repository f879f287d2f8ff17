import { type Figure, figure, resampledSums } from "./bootstrap";
import type { Walk } from "./walk";

/** What a rule came to on a trace. Intervals are over prompts, the same resamples for all rules. */
export interface RuleReport {
  rule: string;
  generated: number;
  /** Passes of the target. */
  passes: number;
  drafted: number;
  /** Passes of the draft: more than `drafted` where gates stopped before a draw. */
  draftSteps: number;
  /** drafted + passes = generated + discarded. */
  discarded: number;
  /** Of the priced machine. */
  millis: number;
  tokensPerSecond: Figure;
  /** Over plain decoding. */
  speedup: Figure;
  /** Over the best fixed K in hindsight: 0.05 is 5 % more tokens a second. */
  gain: Figure;
  /** Of the oracle's tokens a second. */
  shareOfOracle: Figure;
  /** Of the way from the best fixed K to the bound; NaN where the two are equal. */
  shareOfGap: Figure;
  /** discarded / generated. */
  discardRate: Figure;
  /** passes / generated. */
  verificationRate: Figure;
  /** Drafted tokens a round. */
  meanDraft: Figure;
}

/** Sums of a walk over the prompts and over each resample of them. */
export interface Sums {
  generated: Float64Array;
  passes: Float64Array;
  drafted: Float64Array;
  steps: Float64Array;
  discarded: Float64Array;
  micros: Float64Array;
}

export function sumUp(walk: Walk, generated: Float64Array, draws: readonly Uint16Array[]): Sums {
  return {
    generated,
    passes: resampledSums(walk.passes, draws),
    drafted: resampledSums(walk.drafted, draws),
    steps: resampledSums(walk.steps, draws),
    discarded: resampledSums(walk.discarded, draws),
    micros: resampledSums(walk.micros, draws),
  };
}

/** What rules are compared with. */
export interface Marks {
  plain: Sums;
  bestFixed: Sums;
  bound: Sums;
  oracle: Sums;
}

export function reportOf(rule: string, sums: Sums, marks: Marks): RuleReport {
  const draws = sums.generated.length - 1;
  const over = (part: Float64Array, whole: Float64Array, i: number): number =>
    (part[i] ?? NaN) / (whole[i] ?? NaN);
  const speed = ({ generated, micros }: Sums, i: number): number =>
    over(generated, micros, i) * 1e6;
  const of = (value: (i: number) => number): Figure => figure(draws, value);
  const sum = (values: Float64Array): number => values[0] ?? NaN;
  return {
    rule,
    generated: sum(sums.generated),
    passes: sum(sums.passes),
    drafted: sum(sums.drafted),
    draftSteps: sum(sums.steps),
    discarded: sum(sums.discarded),
    millis: sum(sums.micros) / 1000,
    tokensPerSecond: of((i) => speed(sums, i)),
    speedup: of((i) => speed(sums, i) / speed(marks.plain, i)),
    gain: of((i) => speed(sums, i) / speed(marks.bestFixed, i) - 1),
    shareOfOracle: of((i) => speed(sums, i) / speed(marks.oracle, i)),
    shareOfGap: of((i) => {
      const start = speed(marks.bestFixed, i);
      const gap = speed(marks.bound, i) - start;
      return gap > 0 ? (speed(sums, i) - start) / gap : NaN;
    }),
    discardRate: of((i) => over(sums.discarded, sums.generated, i)),
    verificationRate: of((i) => over(sums.passes, sums.generated, i)),
    meanDraft: of((i) => over(sums.drafted, sums.passes, i)),
  };
}
