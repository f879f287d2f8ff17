import type { RoundInfo } from "../../../lib";
import { CostModel } from "../../../lib/cost/cost-model";
import { guessCosts } from "../../../lib/cost/cost-table";
import { uniform } from "../../../lib/random";
import { costsAt } from "./support";

const maxDraft = 16;
const lengths = Array.from({ length: maxDraft + 1 }, (_, K) => K);

/** The curve of a real processor: with steps, and not even rising everywhere. */
const real = (K: number): number => 6600 + 1300 * K + (K % 2 === 0 ? 1500 : 0);
const step = 500;

function round(K: number, more: Partial<RoundInfo> = {}): RoundInfo {
  return {
    generated: 1,
    drafted: K,
    accepted: 0,
    draftSteps: K,
    stopReason: K === 0 ? "none" : "length",
    draftMicros: step * K,
    verifyMicros: real(K),
    decodeMicros: 0,
    ...more,
  };
}

function guess(): CostModel {
  const sizes = { targetBytes: 1e8, draftBytes: 2e7 };
  const model = new CostModel(guessCosts(sizes, maxDraft), false, maxDraft);
  model.observe(round(0), 100); // the first round does not count
  return model;
}

/** Starts from the real curve, measured. */
function measured(): CostModel {
  const model = new CostModel([costsAt(64, step, lengths.map(real))], true, maxDraft);
  model.observe(round(0), 100);
  return model;
}

test("a guess becomes the curve that rounds show, steps and all", () => {
  const model = guess();
  for (const K of [...lengths, ...lengths]) model.observe(round(K), 100);
  const { draftStepMicros, verifyMicros } = model.prices(100);
  expect(draftStepMicros).toBeCloseTo(step, 6);
  for (const K of lengths) expect(verifyMicros[K]).toBeCloseTo(real(K), 6);
});

test("a length that has not come up is corrected as its neighbours are", () => {
  const model = guess();
  const before = model.prices(100).verifyMicros;
  for (const K of [0, 4]) model.observe(round(K, { verifyMicros: 3 * before[K]! }), 100);
  const after = model.prices(100).verifyMicros;
  for (const K of lengths) expect(after[K]! / before[K]!).toBeCloseTo(3, 9);
});

test("of a guess, a longer draft than any that came up costs what the guess has for its rows", () => {
  const model = guess();
  const [plain, one] = [2000, 6000]; // the second row is dear
  model.observe(round(0, { verifyMicros: plain }), 100);
  for (let i = 0; i < 2; ++i) model.observe(round(1, { verifyMicros: one }), 100);
  const { verifyMicros } = model.prices(100);
  for (const K of [2, 8, 16]) expect(verifyMicros[K]).toBeCloseTo(one + 0.1 * plain * (K - 1), 6);
});

test("of a guess, rows that are known to be dear are dear beyond the longest draft too", () => {
  const model = guess();
  for (const K of [0, 1, 2, 3, 1, 2, 3]) {
    model.observe(round(K, { verifyMicros: 1000 * (1 + K) }), 100);
  }
  expect(model.prices(100).verifyMicros[16]).toBeCloseTo(17_000, 6);
});

test("a calibration keeps its shape beyond the longest draft that came up", () => {
  const model = measured();
  for (let i = 0; i < 20; ++i) model.observe(round(1, { verifyMicros: 3 * real(1) }), 100);
  expect(model.prices(100).verifyMicros[16]).toBeCloseTo(3 * real(16), 6);
});

test("before the draft's first step its guess is on the scale of the target's passes", () => {
  const model = guess();
  model.observe(round(0, { verifyMicros: 500 }), 100);
  expect(model.prices(100).draftStepMicros).toBeCloseTo(0.2 * 500, 6); // of weights a fifth as large
});

test("the first round, which pays for pages, does not count", () => {
  const sizes = { targetBytes: 1e8, draftBytes: 2e7 };
  const model = new CostModel(guessCosts(sizes, maxDraft), false, maxDraft);
  const before = model.prices(100);
  model.observe(round(4, { verifyMicros: 1e9, draftMicros: 1e9 }), 100);
  expect(model.prices(100)).toEqual(before);
});

test.each([
  ["a guess", guess],
  ["a calibration", measured],
])("outliers in a third of the rounds leave the prices of %s alone", (_, make) => {
  const model = make();
  for (let i = 0; i < 60; ++i) {
    const busy = i % 3 === 2 ? 40 : 1;
    const { draftMicros, verifyMicros } = round(4);
    const outlier = { draftMicros: busy * draftMicros, verifyMicros: busy * verifyMicros };
    model.observe(round(4, outlier), 100);
  }
  const { draftStepMicros, verifyMicros } = model.prices(100);
  expect(draftStepMicros).toBeCloseTo(step, 6);
  expect(verifyMicros[4]).toBeCloseTo(real(4), 6);
});

test("a calibration holds against a few rounds, and gives way to many", () => {
  const model = measured();
  const slow = round(4, { verifyMicros: 2 * real(4) });
  for (let i = 0; i < 4; ++i) model.observe(slow, 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(real(4), 6);
  for (let i = 0; i < 4; ++i) model.observe(slow, 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(2 * real(4), 6);
});

test("what a machine that has become slower shows at one context length holds at the others", () => {
  const table = [costsAt(0, 10, [100, 200]), costsAt(1000, 20, [300, 400])];
  const model = new CostModel(table, true, 1);
  for (let i = 0; i < 20; ++i) {
    model.observe(round(1, { draftMicros: 30, verifyMicros: 600 }), 500); // twice as much
  }
  expect(model.prices(1000)).toEqual({ draftStepMicros: 40, verifyMicros: [600, 800] });
});

test("after plain rounds the first draft step reads all their tokens and is no step's price", () => {
  const model = guess();
  for (let i = 0; i < 20; ++i) {
    for (let plain = 0; plain < 5; ++plain) model.observe(round(0), 100);
    model.observe(round(1, { draftMicros: 6 * step }), 100);
    model.observe(round(1), 100);
  }
  expect(model.prices(100).draftStepMicros).toBeCloseTo(step, 6);
});

test("what the draft has missed is priced by what reading it took, by a guess before", () => {
  const model = guess();
  const missed = (count: number): void => {
    for (let i = 0; i < count; ++i) model.observe(round(0), 100);
  };
  model.observe(round(1), 100); // the draft is up to date but for one token
  expect(model.catchUpMicros(100)).toBe(0);
  missed(10);
  const guessed = model.catchUpMicros(100);
  expect(guessed).toBeGreaterThan(0);
  missed(10);
  expect(model.catchUpMicros(100)).toBeCloseTo(2 * guessed, 6);
  model.observe(round(2, { draftMicros: 2 * step + 20 * 40 }), 100);
  missed(5);
  expect(model.catchUpMicros(100)).toBeCloseTo(5 * 40, 6);
});

test("of a guess, one round does not make its length dear, and two do", () => {
  const model = guess();
  for (let i = 0; i < 2; ++i) model.observe(round(5), 100);
  const before = model.prices(100).verifyMicros[4]!;
  model.observe(round(4, { verifyMicros: 20 * real(4) }), 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(before, 6);
  model.observe(round(4, { verifyMicros: 20 * real(4) }), 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(20 * real(4), 6);
});

test("of few rounds of a length the fastest counts, of five the median", () => {
  const model = guess();
  const times = [9, 7, 8, 6, 5].map((factor) => factor * real(4));
  for (const verifyMicros of times.slice(0, 4)) model.observe(round(4, { verifyMicros }), 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(6 * real(4), 6);
  model.observe(round(4, { verifyMicros: times[4]! }), 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(7 * real(4), 6);
});

test("outliers of a length that is avoided for them are forgotten", () => {
  const model = guess();
  for (let i = 0; i < 2; ++i) model.observe(round(5), 100);
  const before = model.prices(100).verifyMicros[4]!;
  for (let i = 0; i < 2; ++i) model.observe(round(4, { verifyMicros: 20 * real(4) }), 100);
  for (let i = 0; i < 100; ++i) model.observe(round(5), 100);
  expect(model.prices(100).verifyMicros[4]).toBeCloseTo(before, 6);
});

test("what a round costs beside its halves is a part of its pass, stalls left out", () => {
  const model = measured();
  for (let i = 0; i < 15; ++i) model.observe(round(4), 100, i % 3 === 2 ? 1e6 : 250);
  for (const K of lengths) expect(model.prices(100).verifyMicros[K]).toBeCloseTo(real(K) + 250, 6);
});

test("a plain round costs less beside its pass than one with a draft, and is priced so", () => {
  const model = measured();
  for (let i = 0; i < 15; ++i) {
    model.observe(round(4), 100, 800);
    for (const overhead of [900, 200]) model.observe(round(0), 100, overhead);
  }
  const { verifyMicros } = model.prices(100);
  expect(verifyMicros[0]).toBeCloseTo(real(0) + 200, 6);
  expect(verifyMicros[1]).toBeCloseTo(real(1) + 800, 6);
});

test("a pass that a gate ended before the draw is priced as a pass", () => {
  const model = guess();
  for (let i = 0; i < 5; ++i) {
    model.observe(round(2, { stopReason: "gate", draftSteps: 3, draftMicros: 3 * step }), 100);
  }
  expect(model.prices(100).draftStepMicros).toBeCloseTo(step, 6);
});

test("a drafted end of generation has a row less and is no verification's price", () => {
  const model = measured();
  for (let i = 0; i < 20; ++i) model.observe(round(3, { stopReason: "end", verifyMicros: 1 }), 9);
  expect(model.prices(100).verifyMicros[3]).toBeCloseTo(real(3), 6);
});

test("a calibration of shorter drafts is continued along its slope", () => {
  const model = new CostModel([costsAt(64, 10, [100, 110, 120])], true, 4);
  expect(model.prices(64).verifyMicros).toEqual([100, 110, 120, 130, 140]);
});

test("an engine without a draft has prices too", () => {
  const table = guessCosts({ targetBytes: 1e8, draftBytes: 0 }, 4);
  const model = new CostModel(table, false, 4);
  for (let i = 0; i < 3; ++i) model.observe(round(0), 100);
  expect(model.prices(100).draftStepMicros).toBe(0);
  expect(model.prices(100).verifyMicros[0]).toBeCloseTo(real(0), 6);
});

test("the price of plain decoding is told where it was measured, and not where it is a guess", () => {
  const guessed = guess();
  guessed.observe(round(4), 100);
  expect(guessed.plainMicros(100)).toBeUndefined();
  for (let i = 0; i < 2; ++i) guessed.observe(round(0), 100);
  expect(guessed.plainMicros(100)).toBeCloseTo(real(0), 6);
  expect(measured().plainMicros(100)).toBeCloseTo(real(0), 6);
});

test("a plain round right after a draft, which takes longer, is not the price of plain decoding", () => {
  const model = guess();
  for (let i = 0; i < 20; ++i) {
    model.observe(round(4), 100);
    model.observe(round(0, { verifyMicros: 2 * real(0) }), 100);
    model.observe(round(0), 100);
    const stopped = { stopReason: "gate", draftSteps: 1, draftMicros: step } as const;
    for (let j = 0; j < 20; ++j) {
      model.observe(round(0, { ...stopped, verifyMicros: 2 * real(0) }), 100);
    }
  }
  expect(model.prices(100).verifyMicros[0]).toBeCloseTo(real(0), 6);
});

test("plain rounds at last forget what drafts took in a cold start", () => {
  const model = guess();
  const guessed = model.prices(100).verifyMicros;
  for (const K of [4, 8]) model.observe(round(K, { verifyMicros: 100 * real(K) }), 100);
  for (let i = 0; i < 2000; ++i) model.observe(round(0, { verifyMicros: guessed[0]! }), 100);
  for (const K of lengths) {
    expect(model.prices(100).verifyMicros[K]).toBeCloseTo(guessed[K]!, 6);
  }
});

test("of few plain rounds those of a cold start do not count", () => {
  const model = guess();
  for (const slowdown of [3, 2.5, 1.4, 1, 1]) {
    for (const factor of [2, 1]) {
      model.observe(round(0, { verifyMicros: factor * slowdown * real(0) }), 100);
    }
    for (let i = 0; i < 20; ++i) model.observe(round(4), 100);
  }
  expect(model.prices(100).verifyMicros[0]).toBeCloseTo(real(0), 6);
});

test("after many rounds prices are worked out for several rounds at once", () => {
  const model = measured();
  const known = new Set();
  for (let i = 0; i < 256; ++i) {
    model.observe(round(4, { verifyMicros: real(4) + i }), 100);
    known.add(model.prices(100));
  }
  expect(known.size).toBeLessThan(100);
  expect(model.prices(100).verifyMicros[4]).toBeGreaterThan(real(4) + 230);
});

/** Rounds of lengths by turns, each of which takes what it should, times a factor. */
function play(model: CostModel, turns: number, factors: Record<number, number>): void {
  for (let i = 0; i < turns; ++i) {
    for (const [K, factor] of Object.entries(factors)) {
      const [draftMicros, verifyMicros] = [factor * step * +K, factor * real(+K)];
      model.observe(round(+K, { draftMicros, verifyMicros }), 100);
      if (+K === 0) model.observe(round(0, { verifyMicros }), 100); // the first after a draft does not count
    }
  }
}

test.each([0.6, 1.7])(
  "a machine that takes %d times as long does so at lengths that do not come up",
  (factor) => {
    const model = guess();
    play(model, 20, { 0: 1, 4: 1, 8: 1 });
    play(model, 20, { 0: factor });
    const { draftStepMicros, verifyMicros } = model.prices(100);
    for (const K of [0, 4, 8]) expect(verifyMicros[K]).toBeCloseTo(factor * real(K), 6);
    expect(draftStepMicros).toBeCloseTo(factor * step, 6);
    play(model, 20, { 4: factor });
    play(model, 20, { 4: 1 });
    for (const K of [0, 4, 8]) expect(model.prices(100).verifyMicros[K]).toBeCloseTo(real(K), 6);
  },
);

test("one length that becomes dearer among others makes it alone dearer", () => {
  const model = guess();
  play(model, 20, { 0: 1, 4: 1, 8: 1 });
  play(model, 20, { 0: 1, 4: 1.7, 8: 1 });
  const { verifyMicros } = model.prices(100);
  for (const K of [0, 8]) expect(verifyMicros[K]).toBeCloseTo(real(K), 6);
  expect(verifyMicros[4]).toBeCloseTo(1.7 * real(4), 6);
});

test("stalls, less than half of all rounds, are not taken for a machine that has become slower", () => {
  const model = guess();
  play(model, 20, { 0: 1, 4: 1 });
  for (let i = 0; i < 20; ++i) {
    play(model, 1, { 4: 1.9 });
    play(model, 2, { 4: 1 });
  }
  for (const K of [0, 4]) expect(model.prices(100).verifyMicros[K]).toBeCloseTo(real(K), 6);
});

test.each([1, 2, 3, 4])(
  "times that scatter about the same leave the price of plain rounds that do not come up (%d)",
  (seed) => {
    const random = uniform(seed);
    const model = guess();
    play(model, 20, { 0: 1, 4: 1, 8: 1 });
    for (let i = 0; i < 2000; ++i) play(model, 1, { 4: 0.92 + 0.16 * random() });
    expect(Math.abs(model.prices(100).verifyMicros[0]! / real(0) - 1)).toBeLessThan(0.05);
  },
);

test("many stalls at once make a length dear, and no others", () => {
  const model = guess();
  play(model, 20, { 0: 1, 4: 1, 8: 1 });
  play(model, 15, { 4: 9 });
  const { verifyMicros } = model.prices(100);
  for (const K of [0, 8]) expect(verifyMicros[K]).toBeCloseTo(real(K), 6);
  expect(verifyMicros[4]).toBeCloseTo(9 * real(4), 6);
});
