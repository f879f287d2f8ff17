import { verifyMicros } from "../../../lib/cost/prices";
import { survivalThresholds } from "../../../lib/policy/survival-thresholds";
import { randomOf } from "../replay/traces";

/** The most, over j, that j further tokens bring beyond their price, in tokens; s: the next one's survival. */
function gain(
  prices: { draftStepMicros: number; verifyMicros: number[] },
  rate: number,
  later: number,
  length: number,
  k: number,
  s: number,
  firstStepMicros: number,
): number {
  let most = -Infinity;
  for (let j = 1; k + j <= length; ++j) {
    const tokens = Array.from({ length: j }, (_, i) => s * later ** i).reduce((a, b) => a + b);
    const steps = firstStepMicros + (j - 1) * prices.draftStepMicros;
    const rows = verifyMicros(prices, k + j) - verifyMicros(prices, k);
    most = Math.max(most, tokens - rate * (steps + rows));
  }
  return most;
}

test("going on pays from the thresholds on, by trying every number of further tokens", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  for (let i = 0; i < 300; ++i) {
    const length = 1 + Math.floor(8 * random());
    const prices = {
      draftStepMicros: 300 * random(),
      verifyMicros: Array.from({ length: 1 + length }, (_, K) => 1000 + 200 * K + 800 * random()),
    };
    const [rate, later] = [0.003 * random(), 0.99 * random()];
    const catchUp = random() < 0.5 ? 0 : 500 * random();
    const { step, draw } = survivalThresholds(prices, rate, later, length, catchUp);
    expect([step.length, draw.length]).toEqual([length, length]);
    for (let k = 0; k < length; ++k) {
      const first = prices.draftStepMicros + (k === 0 ? catchUp : 0);
      for (const [threshold, paid] of [
        [step[k]!, first],
        [draw[k]!, 0],
      ] as const) {
        for (const s of [threshold + 1e-6, threshold - 1e-6]) {
          const pays = gain(prices, rate, later, length, k, s, paid) > 0;
          expect({ seed, i, k, pays }).toEqual({ seed, i, k, pays: s > threshold });
        }
      }
    }
  }
});

test("where V has steps it is worth going past a dear length to a cheap one", () => {
  const prices = { draftStepMicros: 100, verifyMicros: [6600, 8700, 11200, 10200, 12400] };
  const rate = 2.2 / 9000;
  const { step } = survivalThresholds(prices, rate, 0.8, 4);
  const alone = rate * (100 + 11200 - 8700); // the price of a second token, in tokens
  expect(step[1]).toBeLessThan(0.6 * alone);
  expect(step[2]).toBeLessThan(0); // a third is cheaper than none
});

test("beyond the list of prices it goes on along the slope", () => {
  const listed = { draftStepMicros: 10, verifyMicros: [100, 120, 140, 160, 180] };
  const short = { draftStepMicros: 10, verifyMicros: [100, 120] };
  expect(survivalThresholds(short, 0.01, 0.5, 4)).toEqual(survivalThresholds(listed, 0.01, 0.5, 4));
});
