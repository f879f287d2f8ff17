/**
 * What drafting and verifying cost: the prices that stop rules are judged and decided by. Times in
 * microseconds; only their ratios matter to a rule.
 */
export interface Prices {
  /** One draft step, t_d. */
  draftStepMicros: number;
  /** A target pass that verifies K drafted tokens, V(K), by K from 0; V(0) is plain decoding. */
  verifyMicros: number[];
}

/** V(K) for any K: by the list, beyond it along its last slope. */
export function verifyMicros(prices: Prices, K: number): number {
  const { verifyMicros: list } = prices;
  const known = list[K];
  if (known !== undefined) return known;
  const last = list.length - 1;
  const [first = NaN, longest = NaN] = [list[0], list[last]];
  const slope = last > 0 ? (longest - first) / last : 0;
  return longest + Math.max(0, slope) * (K - last);
}

/** Built-in price lists, by name. */
export const builtInPrices: Record<string, Prices> = {
  /** SpecDec++ (arXiv 2405.19715, §4): Llama-2-chat 7B for 70B on two A100; flat V. */
  paper: { draftStepMicros: 23_000, verifyMicros: [108_000] },
  /** A draft at a tenth and at a fortieth of the target's price, verification for free. */
  "1:10": { draftStepMicros: 1_000, verifyMicros: [10_000] },
  "1:40": { draftStepMicros: 1_000, verifyMicros: [40_000] },
};
