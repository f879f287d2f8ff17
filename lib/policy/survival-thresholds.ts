import { type Prices, verifyMicros } from "../cost/prices";

/** The survival, by the number k of tokens drawn, from which on a draft step or a draw pays. */
export interface SurvivalThresholds {
  step: number[];
  draw: number[];
}

/**
 * By renewal-reward, tokens a second are most when a round goes on exactly while some number j of
 * further tokens brings more than the time for them would elsewhere:
 *
 *     max over j ≥ 1 of   s · (1 + a + … + a^(j-1)) - R · (j · t_d + V(k + j) - V(k))   >   0
 *
 * where s is the survival of the next token, a what those after it are accepted with, and R the
 * tokens a microsecond that rounds come to. So s has to exceed the least, over j, of the price of j tokens
 * in tokens by their number. V may have steps and fall: that is why j = 1 alone does not tell. Before a
 * draw the first of the steps is paid already.
 *
 * length: what the round can draft at most. catchUpMicros: what the round's first step costs beside t_d.
 */
export function survivalThresholds(
  prices: Prices,
  tokensPerMicro: number,
  later: number,
  length: number,
  catchUpMicros = 0,
): SurvivalThresholds {
  const verify = Array.from({ length: length + 1 }, (_, K) => verifyMicros(prices, K));
  const step: number[] = [];
  const draw: number[] = [];
  for (let k = 0; k < length; ++k) {
    const first = prices.draftStepMicros + (k === 0 ? catchUpMicros : 0);
    let tokens = 0;
    let survival = 1;
    let leastStep = Infinity;
    let leastDraw = Infinity;
    for (let K = k + 1; K <= length; ++K) {
      tokens += survival;
      survival *= later;
      const rows = (verify[K] ?? NaN) - (verify[k] ?? NaN);
      const afterFirst = (K - k - 1) * prices.draftStepMicros + rows;
      leastStep = Math.min(leastStep, (first + afterFirst) / tokens);
      leastDraw = Math.min(leastDraw, afterFirst / tokens);
    }
    step.push(tokensPerMicro * leastStep);
    draw.push(tokensPerMicro * leastDraw);
  }
  return { step, draw };
}
