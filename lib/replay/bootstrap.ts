import { uniform } from "../random";

/** A value, and a 95 % interval of it where there is more than one prompt. */
export interface Figure {
  value: number;
  low?: number;
  high?: number;
}

const resamples = 1000;
const tail = 0.025;

/**
 * How often each of n prompts is drawn in each resample: the same for all rules, so that what two rules
 * have in common cancels in their quotient. [resamples] arrays of n.
 */
export function drawResamples(n: number, seed = 1): Uint16Array[] {
  const random = uniform(seed);
  return Array.from({ length: n > 1 ? resamples : 0 }, () => {
    const counts = new Uint16Array(n);
    for (let i = 0; i < n; ++i) {
      const drawn = Math.floor(random() * n);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    return counts;
  });
}

/** Sums of per-prompt values: over the prompts themselves first, then over each resample. */
export function resampledSums(
  values: ArrayLike<number>,
  draws: readonly Uint16Array[],
): Float64Array {
  const sums = new Float64Array(draws.length + 1);
  const n = values.length;
  for (let i = 0; i < n; ++i) sums[0] = (sums[0] ?? 0) + (values[i] ?? 0);
  for (const [j, counts] of draws.entries()) {
    let sum = 0;
    for (let i = 0; i < n; ++i) sum += (values[i] ?? 0) * (counts[i] ?? 0);
    sums[j + 1] = sum;
  }
  return sums;
}

/** of(i): the figure of resample i; of(0) is the prompts' own. */
export function figure(draws: number, of: (i: number) => number): Figure {
  const value = of(0);
  if (draws === 0 || !Number.isFinite(value)) return { value };
  const sorted = Float64Array.from({ length: draws }, (_, i) => of(i + 1)).sort();
  return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

/** On the line between neighbours. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] ?? NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN;
  return low + (high - low) * (at - below);
}
