// The product of a head's probabilities: whether a draft survives to its k-th token.

import { logit, sigmoid } from "../log-odds";
import { type Calibration, calibrated, fitCalibration } from "./calibration";
import type { HeadExamples } from "./examples";
import { smallestPredicted } from "./metrics";

/** Rejection sampling accepts tokens one by one; block verification (arXiv 2403.10444) accepts drafts as a whole. */
export type SurvivalOf = "rejection" | "block";

/** The first k tokens of a draft: what was predicted and what is true. */
export interface Survival {
  /** [m]: ∏ p̂_i */
  predicted: Float64Array;
  /** [m]: S_k = ∏ a_i; under block verification r_k = min(r_{k-1} p/q, 1). */
  labels: Float64Array;
  /** [m]: k. */
  positions: Uint8Array;
}

/**
 * Of all beginnings of some drafts. older, newest: probabilities by example, in the order of `indices`, whose
 * drafts are whole. The last token counts with its newest score, those before with their older one, as when
 * the next token is to be decided on.
 */
export function survivalOf(
  verifier: SurvivalOf,
  { ratio, position }: HeadExamples,
  indices: Int32Array,
  older: ArrayLike<number>,
  newest: ArrayLike<number>,
): Survival {
  const predicted = new Float64Array(indices.length);
  const labels = new Float64Array(indices.length);
  let before = 1; // of all but the newest
  let survival = 1;
  for (const [row, i] of indices.entries()) {
    if (position[i] === 0) {
      before = 1;
      survival = 1;
    } else {
      before *= older[row] ?? NaN;
    }
    const r = ratio[i] ?? NaN;
    survival = verifier === "block" ? Math.min(1, survival * r) : survival * Math.min(1, r);
    predicted[row] = before * (newest[row] ?? NaN);
    labels[row] = survival;
  }
  return { predicted, labels, positions: Uint8Array.from(indices, (i) => (position[i] ?? 0) + 1) };
}

/** A product of calibrated probabilities need not be one: its factors know of each other. */
export function calibrateSurvival({ predicted, labels, positions }: Survival): Calibration {
  return fitCalibration(Float64Array.from(predicted, logit), labels, positions);
}

export function calibratedSurvival(
  calibration: Calibration,
  { predicted, positions }: Survival,
): Float64Array {
  return predicted.map((p, i) =>
    sigmoid(calibrated(calibration, logit(p, smallestPredicted), positions[i] ?? 1)),
  );
}
