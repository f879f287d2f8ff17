/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/**
 * A 95 % bootstrap interval of a statistic, by resampling whole items (prompts, repetitions).
 * @template T
 * @param {readonly T[]} items
 * @param {(sample: T[]) => number} statistic
 * @returns {[number, number]}
 */
export function interval(items, statistic, resamples = 1000, seed = 1) {
  let state = seed;
  const random = () => {
    // Park & Miller's generator: enough to pick items.
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const values = Array.from({ length: resamples }, () =>
    statistic(items.map(() => /** @type {T} */ (items[Math.floor(random() * items.length)]))),
  ).sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => values[Math.floor(share * (resamples - 1))] ?? NaN;
  return [at(0.025), at(0.975)];
}
