// What a head's logits come to on examples, with and without calibration.

import { sigmoid } from "../log-odds";
import { calibrated, type Calibration, fitCalibration, noCalibration } from "./calibration";
import type { HeadExamples, HeadKind } from "./examples";
import { type HeadMetrics, Scored } from "./metrics";
import { type HeadOutput, labelsOf, outputsOf, positionOf, reachedBy } from "./outputs";
import type { ByOutput, SurvivalReport } from "./report";
import {
  calibratedSurvival,
  calibrateSurvival,
  type Survival,
  survivalOf,
  type SurvivalOf,
} from "./survival";

/** Examples whose drafts are whole, and a head's logits of them. */
export interface Evaluated {
  kind: HeadKind;
  examples: HeadExamples;
  indices: Int32Array;
  /** [n][outputs] */
  logits: Float32Array;
}

/** What an output says of the tokens that verification comes to. */
export interface Judged {
  indices: Int32Array;
  logits: Float32Array;
  labels: Float32Array;
  /** Of the tokens, from 1. */
  positions: Uint8Array;
}

export function judgedBy(output: HeadOutput, evaluated: Evaluated): Judged {
  const { examples, indices } = evaluated;
  const reached = reachedBy(output, examples, indices);
  const logitOf = new Map<number, number>();
  for (const [row, i] of indices.entries()) logitOf.set(i, logitAt(output, evaluated, row));
  return {
    indices: reached,
    logits: Float32Array.from(reached, (i) => logitOf.get(i) ?? NaN),
    labels: labelsOf(output, examples, reached),
    positions: Uint8Array.from(reached, (i) => positionOf(output, examples.position[i] ?? 0)),
  };
}

function logitAt(output: HeadOutput, { kind, logits }: Evaluated, row: number): number {
  const outputs = outputsOf(kind);
  return logits[row * outputs.length + outputs.indexOf(output)] ?? NaN;
}

export function byOutput<T>(kind: HeadKind, of: (output: HeadOutput) => T): ByOutput<T> {
  return Object.fromEntries(outputsOf(kind).map((output) => [output, of(output)]));
}

/** Probabilities and labels of an output. */
export function scored(
  { logits, labels, positions }: Judged,
  calibration: Calibration = noCalibration,
): Scored {
  return new Scored(
    Float64Array.from(logits, (x, i) => sigmoid(calibrated(calibration, x, positions[i] ?? 1))),
    labels,
  );
}

/** What the rejection weight w of the loss makes of odds is undone: a head learns p / (p + w (1 - p)). */
export function metricsByOutput(
  evaluated: Evaluated,
  rejectionWeight: number,
): ByOutput<HeadMetrics> {
  const shift = Math.log(rejectionWeight);
  return byOutput(evaluated.kind, (output) => {
    const { logits, labels } = judgedBy(output, evaluated);
    return new Scored(
      logits.map((x) => sigmoid(x + shift)),
      labels,
    ).metrics();
  });
}

export function calibrate(evaluated: Evaluated): ByOutput<Calibration> {
  return byOutput(evaluated.kind, (output) => {
    const { logits, labels, positions } = judgedBy(output, evaluated);
    return fitCalibration(logits, labels, positions);
  });
}

/** Of all beginnings of the drafts, by the outputs' calibrated probabilities. */
function survivalBy(
  verifier: SurvivalOf,
  evaluated: Evaluated,
  calibrations: ByOutput<Calibration>,
): Survival {
  const { examples, indices } = evaluated;
  const probability = (output: HeadOutput): Float64Array =>
    Float64Array.from(indices, (i, row) => {
      const position = Math.max(1, positionOf(output, examples.position[i] ?? 0));
      const x = logitAt(output, evaluated, row);
      return sigmoid(calibrated(calibrations[output] ?? noCalibration, x, position));
    });
  return survivalOf(verifier, examples, indices, probability("older"), probability("newest"));
}

/** fitted: what the calibration of the product is fitted on; judged: what it is judged by. */
export function survivalReport(
  verifier: SurvivalOf,
  fitted: Evaluated,
  judged: Evaluated,
  calibrations: ByOutput<Calibration>,
): { calibration: Calibration; report: SurvivalReport } {
  const calibration = calibrateSurvival(survivalBy(verifier, fitted, calibrations));
  const seen = survivalBy(verifier, judged, calibrations);
  const after = new Scored(calibratedSurvival(calibration, seen), seen.labels);
  return {
    calibration,
    report: {
      product: new Scored(seen.predicted, seen.labels).metrics(),
      calibrated: after.metrics(),
      reliability: after.reliability(),
    },
  };
}
