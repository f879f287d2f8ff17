/** Probabilities are kept so far from 0 and 1 that logarithms stay finite, as in native/engine/log-odds.h. */
export const smallestProbability = 1e-9;

/** ln(p / (1 - p)). smallest: how near to 0 and to 1 it may be. */
export function logit(p: number, smallest = smallestProbability): number {
  const bounded = Math.min(Math.max(p, smallest), 1 - smallest);
  return Math.log(bounded / (1 - bounded));
}

/** The probability of log-odds: the inverse of logit. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
