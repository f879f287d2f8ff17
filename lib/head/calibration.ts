// Logits become those of probabilities: for each output a slope, and a bias by the position of the token
// that is judged.

import { fitLogistic } from "./logistic-regression";

/** calibrated logit = slope · logit + bias[bucketOf(position)] */
export interface Calibration {
  slope: number;
  bias: number[];
}

/** The first position of each bucket. */
const bucketStarts = [1, 2, 3, 4, 5, 7, 9, 13] as const;

const bucketCount = bucketStarts.length;

export const noCalibration: Calibration = { slope: 1, bias: Array<number>(bucketCount).fill(0) };

/** position: in the round, from 1. */
export function bucketOf(position: number): number {
  return Math.max(
    0,
    bucketStarts.findLastIndex((start) => start <= position),
  );
}

/** How firmly buckets are believed to be alike, and the slope to be 1: in examples of the highest curvature, times 4. */
const likeness = 10;

/**
 * Fitted on examples that no weight has seen. A bucket with few of them has the bias of all.
 * positions: of the tokens judged, from 1.
 */
export function fitCalibration(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  positions: ArrayLike<number>,
): Calibration {
  const m = 2 + bucketCount; // the slope, the bias of all, what each bucket adds
  const rows = new Float64Array(labels.length * m);
  for (let i = 0; i < labels.length; ++i) {
    rows[i * m] = logits[i] ?? NaN;
    rows[i * m + 1] = 1;
    rows[i * m + 2 + bucketOf(positions[i] ?? 1)] = 1;
  }
  const apart = Array<number>(bucketCount).fill(likeness);
  const beta = fitLogistic(rows, labels, [likeness, 0, ...apart], [1, 0, ...apart.map(() => 0)]);
  const [slope = 1, common = 0, ...own] = beta;
  return { slope, bias: own.map((bias) => common + bias) };
}

export function calibrated({ slope, bias }: Calibration, logit: number, position: number): number {
  return slope * logit + (bias[bucketOf(position)] ?? 0);
}
