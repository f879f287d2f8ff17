import { interpolate } from "./cost-table";

/** What rounds have shown of each K, as a share of what a table says; undefined where a K has not come up. */
export type Corrections = readonly (number | undefined)[];

/** The correction of the shortest draft that came up. */
export function firstCorrection(corrections: Corrections): number | undefined {
  return corrections.find((correction) => correction !== undefined);
}

/** A measured curve V(0…K), of which the rounds' shares are corrections: a K that has not come up is corrected as its neighbours are. */
export function correctedCurve(curve: readonly number[], corrections: Corrections): number[] {
  if (firstCorrection(corrections) === undefined) return [...curve];
  return curve.map((micros, K) => micros * interpolate(corrections, K));
}

/**
 * The same of a curve that is a guess. Beyond the longest draft that came up a row costs what it does at
 * the cheapest place that is known, or as the guess has it: a second row may double a pass where eight
 * more add little. So what may be cheap is tried, and known then; what was taken for dear never would be.
 *
 * single: what one round alone has shown. If it makes its K dear it may have been a stall, and says
 * nothing until that K has come up again.
 */
export function correctedGuess(
  curve: readonly number[],
  corrections: Corrections,
  single: Corrections,
): number[] {
  const nothingElse = firstCorrection(corrections) === undefined;
  const guess = continued(curve, nothingElse ? single : corrections);
  return guess.map((micros, K) => Math.min(micros, (curve[K] ?? NaN) * (single[K] ?? Infinity)));
}

/** Corrected, and beyond the longest K that is known continued by rows. */
function continued(curve: readonly number[], corrections: Corrections): number[] {
  const corrected = correctedCurve(curve, corrections);
  const unit = firstCorrection(corrections);
  if (unit === undefined) return corrected;
  const known = [...corrections.keys()].filter((K) => corrections[K] !== undefined);
  const guessed = unit * ((curve[1] ?? NaN) - (curve[0] ?? NaN));
  const row = Math.max(guessed, Math.min(...rowCosts(corrected, known)));
  const longest = known.at(-1) ?? 0;
  const atLongest = corrected[longest] ?? NaN;
  return corrected.map((micros, K) => (K <= longest ? micros : atLongest + (K - longest) * row));
}

/** What a row costs between neighbours, the second row left out; none: -Infinity. */
function rowCosts(curve: readonly number[], known: readonly number[]): number[] {
  const drafts = known.filter((K) => K > 0);
  if (drafts.length < 2) return [-Infinity];
  return drafts.slice(1).map((K, i) => {
    const before = drafts[i] ?? NaN;
    return ((curve[K] ?? NaN) - (curve[before] ?? NaN)) / (K - before);
  });
}
