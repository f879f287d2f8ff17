import { compareSpeeds, weightedMedian } from "../../../lib/bench/speeds";

/** Texts of 10 tokens each, by how many milliseconds they took. */
const texts = (...repetitions: number[][]) =>
  repetitions.map((millis) => millis.map((each) => ({ generated: 10, millis: each })));

test("a speed is the median over repetitions of all tokens over all time", () => {
  // 20 tokens in 40, 50 and 200 ms: 500, 400 and 100 tokens/s.
  const runs = texts([10, 30], [25, 25], [50, 150]);
  expect(compareSpeeds(runs, runs).tokensPerSecond.value).toBeCloseTo(400);
});

test("a ratio pairs the repetitions: a drift of the machine that meets both sides is none of it", () => {
  // The machine is 1, 2 and 10 times slower; the setting is 1.5, 2 and 1.8 times as fast.
  const baseline = texts([30, 30], [60, 60], [300, 300]);
  const setting = texts([20, 20], [30, 30], [200, 400 / 3]);
  expect(compareSpeeds(setting, baseline).ratio.value).toBeCloseTo(1.8);
});

test("without a difference the interval of the ratio is 1, whatever the prompts take", () => {
  const runs = texts([1, 10, 100, 1000], [2, 5, 200, 700]);
  expect(compareSpeeds(runs, runs).ratio).toEqual({ value: 1, low: 1, high: 1 });
});

test("the interval holds the scatter of prompts, and of repetitions", () => {
  const baseline = texts([10, 10, 10, 10], [10, 10, 10, 10], [10, 10, 10, 10]);
  const byPrompt = compareSpeeds(
    texts([5, 20, 5, 20], [5, 20, 5, 20], [5, 20, 5, 20]),
    baseline,
  ).ratio;
  expect(byPrompt.value).toBeCloseTo(0.8);
  // Drawn with replacement: all four of the fast ones, or of the slow, are within 95 % of the draws.
  expect(byPrompt.low).toBeCloseTo(0.5);
  expect(byPrompt.high).toBeCloseTo(2);
  const byRepetition = compareSpeeds(
    texts([5, 5, 5, 5], [10, 10, 10, 10], [20, 20, 20, 20]),
    baseline,
  ).ratio;
  expect(byRepetition).toEqual({ value: 1, low: 0.5, high: 2 });
});

test("one text alone has no interval", () => {
  const { tokensPerSecond, ratio } = compareSpeeds(texts([5]), texts([10]));
  expect(tokensPerSecond).toEqual({ value: 2000 });
  expect(ratio).toEqual({ value: 2 });
});

test("a weighted median counts each value as often as its weight", () => {
  expect(weightedMedian([3, 1, 2])).toBe(2);
  expect(weightedMedian([3, 1, 2], [0, 1, 1])).toBe(1.5);
  expect(weightedMedian([3, 1, 2], [3, 1, 1])).toBe(3);
});
