/**
 * Logistic regression that goes on learning: a Newton step for each example. Starts from weights that
 * are believed like so many examples, for good; what examples have shown fades.
 */
export class OnlineLogistic {
  readonly #weights: number[];
  /** What the examples add to the curvature: symmetric, row by row. */
  readonly #curvature: Float64Array;

  /** memory: what an example weighs when another of full weight has come. */
  constructor(
    start: readonly number[],
    private readonly belief: number,
    private readonly memory: number,
  ) {
    this.#weights = [...start];
    this.#curvature = new Float64Array(start.length ** 2);
  }

  get weights(): readonly number[] {
    return this.#weights;
  }

  /** offset: added to the sum, not learned here. */
  predict(features: readonly number[], offset = 0): number {
    return logistic(features.reduce((sum, x, i) => sum + x * (this.#weights[i] ?? 0), offset));
  }

  /** label: 0…1; weight: of the example, 0…1. */
  learn(features: readonly number[], label: number, weight: number, offset = 0): void {
    if (weight === 0) return;
    const n = features.length;
    const predicted = this.predict(features, offset);
    const fade = this.memory ** weight;
    const curvature = weight * Math.max(predicted * (1 - predicted), 1e-3);
    const total = new Float64Array(n * n);
    for (let i = 0; i < n; ++i) {
      for (let j = 0; j < n; ++j) {
        const at = i * n + j;
        const product = curvature * (features[i] ?? NaN) * (features[j] ?? NaN);
        this.#curvature[at] = fade * (this.#curvature[at] ?? NaN) + product;
        total[at] = (this.#curvature[at] ?? NaN) + (i === j ? this.belief : 0);
      }
    }
    const gradient = features.map((x) => weight * (label - predicted) * x);
    for (const [i, step] of solve(total, gradient).entries()) {
      this.#weights[i] = (this.#weights[i] ?? NaN) + step;
    }
  }
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** x of A x = b, A symmetric and positive definite, by rows; overwrites both. */
function solve(a: Float64Array, b: number[]): number[] {
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
  return b;
}
