import { sigmoid } from "../log-odds";

/**
 * Logistic regression that goes on learning: a Newton step for each example. Starts from weights that
 * are believed like so many examples, for good; what examples have shown fades.
 */
export class OnlineLogistic {
  readonly #weights: number[];
  /** What the examples add to the curvature: symmetric, row by row. */
  readonly #curvature: Float64Array;
  // A step's own, kept because there are several steps a round.
  readonly #total: Float64Array;
  readonly #step: Float64Array;

  /** memory: what an example weighs when another of full weight has come. */
  constructor(
    start: readonly number[],
    private readonly belief: number,
    private readonly memory: number,
  ) {
    const n = start.length;
    this.#weights = [...start];
    this.#curvature = new Float64Array(n * n);
    this.#total = new Float64Array(n * n);
    this.#step = new Float64Array(n);
  }

  get weights(): readonly number[] {
    return this.#weights;
  }

  /** offset: added to the sum, not learned here. */
  predict(features: ArrayLike<number>, offset = 0): number {
    let sum = offset;
    for (let i = 0; i < features.length; ++i) sum += (features[i] ?? NaN) * (this.#weights[i] ?? 0);
    return sigmoid(sum);
  }

  /** label: 0…1; weight: of the example, 0…1. */
  learn(features: ArrayLike<number>, label: number, weight: number, offset = 0): void {
    if (weight === 0) return;
    const n = features.length;
    const predicted = this.predict(features, offset);
    const fade = this.memory ** weight;
    const curvature = weight * Math.max(predicted * (1 - predicted), 1e-3);
    for (let i = 0; i < n; ++i) {
      const x = features[i] ?? NaN;
      this.#step[i] = weight * (label - predicted) * x;
      for (let j = 0; j < n; ++j) {
        const at = i * n + j;
        const sum = fade * (this.#curvature[at] ?? NaN) + curvature * x * (features[j] ?? NaN);
        this.#curvature[at] = sum;
        this.#total[at] = sum + (i === j ? this.belief : 0);
      }
    }
    solve(this.#total, this.#step);
    for (let i = 0; i < n; ++i) {
      this.#weights[i] = (this.#weights[i] ?? NaN) + (this.#step[i] ?? NaN);
    }
  }
}

/** x of A x = b, in the place of b. A: symmetric and positive definite, by rows, overwritten. */
function solve(a: Float64Array, b: Float64Array): void {
  const n = b.length;
  const at = (i: number, j: number): number => a[i * n + j] ?? NaN;
  for (let i = 0; i < n; ++i) {
    for (let row = i + 1; row < n; ++row) {
      const factor = at(row, i) / at(i, i);
      for (let j = i; j < n; ++j) a[row * n + j] = at(row, j) - factor * at(i, j);
      b[row] = (b[row] ?? NaN) - factor * (b[i] ?? NaN);
    }
  }
  for (let i = n - 1; i >= 0; --i) {
    let sum = b[i] ?? NaN;
    for (let j = i + 1; j < n; ++j) sum -= at(i, j) * (b[j] ?? NaN);
    b[i] = sum / at(i, i);
  }
}
