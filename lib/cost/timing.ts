import type { Timing } from "./cost-table";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/**
 * The median with its 95 % interval: the order statistics between which it lies by the binomial
 * distribution, whatever that of the samples. Of fewer than six samples their range, which is less sure.
 */
export function timingOf(samples: readonly number[]): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  const n = sorted.length;
  const below = Math.max(0, Math.floor(n / 2 - 0.98 * Math.sqrt(n)));
  return {
    micros: median(sorted),
    low: sorted[below] ?? NaN,
    high: sorted[n - 1 - below] ?? NaN,
    samples: n,
  };
}
