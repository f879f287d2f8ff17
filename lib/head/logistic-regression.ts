import { sigmoid } from "../log-odds";

const maxSteps = 50;
const tolerance = 1e-10;

/**
 * The coefficients β that make σ(x·β) fit labels 0…1 best: the minimum of the cross-entropy plus
 * Σ penalty_j (β_j - prior_j)² / 2, by Newton steps, each halved until it does not go up.
 * rows: [n][m], dense.
 */
export function fitLogistic(
  rows: Float64Array,
  labels: ArrayLike<number>,
  penalty: readonly number[],
  prior: readonly number[] = penalty.map(() => 0),
): Float64Array {
  const m = penalty.length;
  let beta = Float64Array.from(prior);
  let value = objective(rows, labels, penalty, prior, beta);
  for (let step = 0; step < maxSteps; ++step) {
    const direction = newtonStep(rows, labels, penalty, prior, beta);
    let next = beta;
    let nextValue = Infinity;
    for (let scale = 1; scale > 1e-6 && !(nextValue <= value); scale /= 2) {
      next = beta.map((each, j) => each + scale * (direction[j] ?? 0));
      nextValue = objective(rows, labels, penalty, prior, next);
    }
    if (!(nextValue <= value)) break;
    const moved = next.reduce(
      (most, each, j) => Math.max(most, Math.abs(each - (beta[j] ?? 0))),
      0,
    );
    beta = next;
    value = nextValue;
    if (moved < tolerance * m) break;
  }
  return beta;
}

/** The probabilities that coefficients give rows [n][m]. */
export function logisticOf(rows: Float64Array, beta: Float64Array): Float64Array {
  const m = beta.length;
  return Float64Array.from({ length: rows.length / m }, (_, i) => sigmoid(dot(rows, i * m, beta)));
}

function dot(rows: Float64Array, from: number, beta: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < beta.length; ++j) sum += (rows[from + j] ?? 0) * (beta[j] ?? 0);
  return sum;
}

function objective(
  rows: Float64Array,
  labels: ArrayLike<number>,
  penalty: readonly number[],
  prior: readonly number[],
  beta: Float64Array,
): number {
  const m = beta.length;
  let sum = 0;
  for (let i = 0; i < labels.length; ++i) {
    const x = dot(rows, i * m, beta);
    // ln(1 + e^x) - P x
    sum += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - (labels[i] ?? NaN) * x;
  }
  for (let j = 0; j < m; ++j) {
    sum += ((penalty[j] ?? 0) * ((beta[j] ?? 0) - (prior[j] ?? 0)) ** 2) / 2;
  }
  return sum;
}

/** -H⁻¹ g at β. */
function newtonStep(
  rows: Float64Array,
  labels: ArrayLike<number>,
  penalty: readonly number[],
  prior: readonly number[],
  beta: Float64Array,
): Float64Array {
  const m = beta.length;
  const hessian = new Float64Array(m * m);
  const down = Float64Array.from(beta, (each, j) => -(penalty[j] ?? 0) * (each - (prior[j] ?? 0)));
  for (let i = 0; i < labels.length; ++i) {
    const p = sigmoid(dot(rows, i * m, beta));
    const curvature = p * (1 - p);
    const error = (labels[i] ?? NaN) - p;
    for (let j = 0; j < m; ++j) {
      const x = rows[i * m + j] ?? 0;
      if (x === 0) continue;
      down[j] = (down[j] ?? 0) + error * x;
      for (let l = 0; l <= j; ++l) {
        hessian[j * m + l] = (hessian[j * m + l] ?? 0) + curvature * x * (rows[i * m + l] ?? 0);
      }
    }
  }
  for (let j = 0; j < m; ++j) {
    // Columns that say the same, or nothing, leave it singular.
    hessian[j * m + j] = (hessian[j * m + j] ?? 0) * (1 + 1e-9) + (penalty[j] ?? 0) + 1e-9;
  }
  return solve(hessian, down);
}

/** By Cholesky's decomposition of a symmetric positive matrix, of which the lower half is read; both are overwritten. */
function solve(a: Float64Array, b: Float64Array): Float64Array {
  const m = b.length;
  const at = (i: number, j: number): number => a[i * m + j] ?? 0;
  for (let j = 0; j < m; ++j) {
    for (let i = j; i < m; ++i) {
      let sum = at(i, j);
      for (let l = 0; l < j; ++l) sum -= at(i, l) * at(j, l);
      a[i * m + j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / at(j, j);
    }
  }
  for (let i = 0; i < m; ++i) {
    let sum = b[i] ?? 0;
    for (let l = 0; l < i; ++l) sum -= at(i, l) * (b[l] ?? 0);
    b[i] = sum / at(i, i);
  }
  for (let i = m - 1; i >= 0; --i) {
    let sum = b[i] ?? 0;
    for (let l = i + 1; l < m; ++l) sum -= at(l, i) * (b[l] ?? 0);
    b[i] = sum / at(i, i);
  }
  return b;
}
