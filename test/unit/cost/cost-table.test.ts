import { guessCosts, interpolate, pricesAt } from "../../../lib/cost/cost-table";
import { verifyMicros } from "../../../lib/cost/prices";
import { timingOf } from "../../../lib/cost/timing";
import { costsAt } from "./support";

const table = [costsAt(100, 10, [100, 150, 130]), costsAt(300, 20, [200, 250, 230])];

test.each([
  [100, { draftStepMicros: 10, verifyMicros: [100, 150, 130] }],
  [200, { draftStepMicros: 15, verifyMicros: [150, 200, 180] }],
  [300, { draftStepMicros: 20, verifyMicros: [200, 250, 230] }],
  [5, { draftStepMicros: 10, verifyMicros: [100, 150, 130] }],
  [9000, { draftStepMicros: 20, verifyMicros: [200, 250, 230] }],
])("prices at %i tokens lie on the line, and are constant beyond it", (length, prices) => {
  expect(pricesAt(table, length)).toEqual(prices);
});

test("a table of one length holds for all", () => {
  const [first] = table;
  for (const length of [0, 100, 1000]) {
    expect(pricesAt([first!], length)).toEqual({
      draftStepMicros: 10,
      verifyMicros: [100, 150, 130],
    });
  }
});

test("a longer draft than was measured is priced along the slope", () => {
  const prices = pricesAt(table, 100);
  expect(verifyMicros(prices, 2)).toBe(130);
  expect(verifyMicros(prices, 4)).toBeCloseTo(160, 9);
});

test("a guess has the draft step in proportion to the models' sizes", () => {
  const [guess] = guessCosts({ targetBytes: 4e9, draftBytes: 5e8 }, 16);
  expect(guess!.verify).toHaveLength(17);
  expect(guess!.verify[0]!.micros / guess!.draftStep.micros).toBeCloseTo(8, 9);
  expect(guess!.verify[16]!.micros).toBeGreaterThan(guess!.verify[0]!.micros);
  expect(guess!.draftStep.samples).toBe(0);
});

test("what is missing lies between its neighbours", () => {
  const known = [undefined, 10, undefined, undefined, 40, undefined];
  expect(known.map((_, i) => interpolate(known, i))).toEqual([10, 10, 20, 30, 40, 40]);
});

test("the interval of a median holds it in 95 % of cases, whatever the samples' distribution", () => {
  // A linear congruential generator: the same samples each time.
  let state = 12345;
  const random = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const truth = Math.log(2); // the median of the exponential distribution
  let held = 0;
  for (let i = 0; i < 1000; ++i) {
    const { low, high } = timingOf(Array.from({ length: 40 }, () => -Math.log(random())));
    if (low <= truth && truth <= high) held += 1;
  }
  expect(held).toBeGreaterThan(930);
  expect(held).toBeLessThan(985);
});

test("a single outlier does not move the interval of many samples", () => {
  const { micros, high, samples } = timingOf([...Array<number>(30).fill(100), 5000]);
  expect({ micros, high, samples }).toEqual({ micros: 100, high: 100, samples: 31 });
});
