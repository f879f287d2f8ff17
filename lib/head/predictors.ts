// Predictors that need no head, to compare heads with: on the same examples.

import { sigmoid } from "../log-odds";
import type { HeadExamples } from "./examples";
import { fitLogistic, logisticOf } from "./logistic-regression";
import { type HeadOutput, labelsOf } from "./outputs";

export interface Predictor {
  name: string;
  /** Acceptance probabilities of the tokens that the output is about. */
  readonly predict: (indices: Int32Array) => Float64Array;
}

/** AdaEDL's γ, as in lib/policy/entropy.ts. */
const gamma = 0.2;

/** Against columns that say the same: in standardized units, so tiny. */
const ridge = 1e-3;

/**
 * What predicts the tokens of an output without a head. fitted: the examples that those with coefficients are
 * fitted on.
 */
export function predictorsOf(
  output: HeadOutput,
  examples: HeadExamples,
  fitted: Int32Array,
): Predictor[] {
  const { columns, scalars } = examples;
  const of = output === "older" ? "previous." : "";
  const column = (name: string): number => columns.indexOf(name);
  const value = (name: string): ((i: number) => number) => {
    const at = column(name);
    return (i) => scalars[i * columns.length + at] ?? NaN;
  };
  const logitMode = value(`${of}logit-mode`);
  const rootEntropy = value(`${of}root-entropy`);
  const logq = output === "older" ? value("previous.log-q") : value("drawn.log-q");
  const labels = labelsOf(output, examples, fitted);
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;

  const plain = (name: string, probability: (i: number) => number): Predictor => ({
    name,
    predict: (indices) => Float64Array.from(indices, probability),
  });
  const logistic = (name: string, read: readonly number[]): Predictor => {
    const { mean: centre, deviation } = momentsOf(examples, fitted);
    const rowsOf = (indices: Int32Array): Float64Array => {
      const m = read.length + 1;
      const rows = new Float64Array(indices.length * m);
      for (const [row, i] of indices.entries()) {
        rows[row * m] = 1;
        for (const [j, at] of read.entries()) {
          rows[row * m + j + 1] =
            ((scalars[i * columns.length + at] ?? NaN) - (centre[at] ?? 0)) / (deviation[at] ?? 1);
        }
      }
      return rows;
    };
    const beta = fitLogistic(rowsOf(fitted), labels, [0, ...read.map(() => ridge)]);
    return { name, predict: (indices) => logisticOf(rowsOf(indices), beta) };
  };
  return [
    plain("mean acceptance", () => mean),
    ...(output === "before" ? [] : [plain("q of the token", (i) => Math.exp(logq(i)))]),
    plain("max q", (i) => sigmoid(logitMode(i))),
    plain("entropy bound", (i) => Math.max(0, 1 - Math.sqrt(gamma) * rootEntropy(i))),
    logistic("logistic on max q", [column(`${of}logit-mode`)]),
    logistic("logistic on all scalars", readableColumns(output, columns)),
  ];
}

/** The columns that an output may read: only the newest knows of the token drawn last. */
export function readableColumns(output: HeadOutput, columns: readonly string[]): number[] {
  return Array.from(columns.keys()).filter(
    (i) => output === "newest" || !columns[i]?.startsWith("drawn."),
  );
}

/** Of each scalar; a deviation of 0, of a scalar that never changes, counts as 1. */
export function momentsOf(
  { columns, scalars }: HeadExamples,
  indices: Int32Array,
): { mean: Float32Array; deviation: Float32Array } {
  const m = columns.length;
  const mean = new Float64Array(m);
  const square = new Float64Array(m);
  for (const i of indices) {
    for (let j = 0; j < m; ++j) {
      const value = scalars[i * m + j] ?? NaN;
      mean[j] = (mean[j] ?? 0) + value / indices.length;
      square[j] = (square[j] ?? 0) + (value * value) / indices.length;
    }
  }
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (each, j) => {
      const variance = each - (mean[j] ?? 0) ** 2;
      return variance > 1e-12 ? Math.sqrt(variance) : 1;
    }),
  };
}
