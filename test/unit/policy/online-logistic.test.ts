import { sigmoid } from "../../../lib/log-odds";
import { OnlineLogistic } from "../../../lib/policy/online-logistic";
import { randomOf } from "../replay/traces";

test("without examples it says what it started with", () => {
  const model = new OnlineLogistic([0.5, -2], 8, 0.999);
  expect(model.predict([1, 0.3])).toBeCloseTo(sigmoid(0.5 - 0.6), 12);
  expect(model.predict([1, 0.3], 0.4)).toBeCloseTo(sigmoid(0.9 - 0.6), 12);
});

test("it finds the weights of examples whose probabilities are known", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  const truth = [-0.5, 1.5, 0.7];
  const model = new OnlineLogistic([0, 0, 0], 1, 1);
  for (let i = 0; i < 3000; ++i) {
    const x = [1, 4 * random() - 2, 2 * random()];
    model.learn(x, sigmoid(x.reduce((sum, value, j) => sum + value * truth[j]!, 0)), random());
  }
  for (const [j, weight] of model.weights.entries()) {
    expect({ seed, j, far: Math.abs(weight - truth[j]!) > 0.1 }).toEqual({ seed, j, far: false });
  }
});

test("an example without weight teaches nothing, a light one less than a heavy one", () => {
  const after = (weight: number): number => {
    const model = new OnlineLogistic([0], 4, 0.999);
    model.learn([1], 1, weight);
    return model.weights[0]!;
  };
  expect(after(0)).toBe(0);
  expect(after(0.2)).toBeGreaterThan(0);
  expect(after(1)).toBeGreaterThan(after(0.2));
});

test("what changes is followed, the sooner the shorter the memory", () => {
  const wrongAfter = (memory: number): number => {
    const model = new OnlineLogistic([0], 1, memory);
    for (let i = 0; i < 1000; ++i) model.learn([1], 0.9, 1);
    for (let i = 0; i < 100; ++i) model.learn([1], 0.1, 1);
    return Math.abs(model.predict([1]) - 0.1);
  };
  expect(wrongAfter(0.98)).toBeLessThan(0.1);
  expect(wrongAfter(1)).toBeGreaterThan(0.3);
});
