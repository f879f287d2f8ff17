import { copyFileSync, existsSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type {
  NativeHeadExamples,
  NativeHeadInputs,
  NativeHeadShape,
  NativeHeadTrainer,
  NativeHeadTrainerOptions,
} from "../../lib/native/binding";
import { loadAddon } from "../../lib/native/load";
import { demoDraft } from "../support/demo";
import { bareTrainer, codeOf } from "../support/native";

// Heads at the addon's boundary: what crosses it, and what is refused. That the numbers are right is for
// test/engine.

const addon = loadAddon();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "specdecpp-head-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const width = 32;
const columns = ["logit-mode", "drawn.log-q"];
const shape: NativeHeadShape = {
  kind: "full",
  width,
  depth: 1,
  tied: false,
  hidden: 4,
  columns,
  masks: new Uint8Array([1, 0, 1, 0, 1, 1]),
};

function optionsOf(more: Partial<NativeHeadTrainerOptions> = {}): NativeHeadTrainerOptions {
  return {
    shape,
    seed: 3,
    threads: 1,
    rejectionWeight: 1,
    weightDecay: 0.01,
    stateDropout: 0,
    mean: new Float32Array([0.5, -1]),
    deviation: new Float32Array([1, 2]),
    ...more,
  };
}

const half = [0, 0x3c00, 0xbc00, 0x3800]; // 0, 1, -1, 0.5 in half precision

function makeExamples(count: number): NativeHeadExamples {
  return {
    states: Uint16Array.from({ length: count * width }, (_, i) => half[((i * i + i) % 7) % 4] ?? 0),
    stateOf: Int32Array.from({ length: count }, (_, i) => (i * 3) % count),
    scalars: Float32Array.from({ length: count * columns.length }, (_, i) => Math.sin(i)),
    labels: Float32Array.from({ length: 2 * count }, (_, i) => (i % 5 === 0 ? NaN : (i % 3) / 2)),
  };
}

const examples = makeExamples(20);
const order = Int32Array.from({ length: 20 }, (_, i) => 19 - i);
const rates = new Float32Array([0.01, 0.02, 0.01]); // of 8, 8 and 4 examples

async function trained(): Promise<NativeHeadTrainer> {
  const trainer = new addon.HeadTrainer(optionsOf());
  await trainer.train(examples, order, 8, rates);
  return trainer;
}

test("examples are trained on in the order that is asked for", async () => {
  const pairs = (of: Float32Array): Float32Array =>
    new Float32Array([...order].flatMap((i) => [...of.subarray(2 * i, 2 * i + 2)]));
  const inOrder: NativeHeadExamples = {
    states: examples.states,
    stateOf: examples.stateOf.slice().reverse(),
    scalars: pairs(examples.scalars),
    labels: pairs(examples.labels),
  };
  const other = new addon.HeadTrainer(optionsOf());
  await other.train(inOrder, Int32Array.from(order.keys()), 8, rates);
  expect(other.state()).toEqual((await trained()).state());
});

test("the loss is a number and falls", async () => {
  const trainer = await trained();
  const first = await trainer.train(examples, order, 20, new Float32Array([0.02]));
  for (let i = 0; i < 50; ++i) await trainer.train(examples, order, 20, new Float32Array([0.02]));
  const last = await trainer.train(examples, order, 20, new Float32Array([0]));
  expect(first).toBeGreaterThan(0);
  expect(last).toBeLessThan(first);
});

test("a trainer made of a checkpoint goes on with the same bytes", async () => {
  const whole = await trained();
  const resumed = new addon.HeadTrainer(optionsOf({ seed: 8, weights: whole.state() }));
  for (const trainer of [whole, resumed]) await trainer.train(examples, order, 8, rates);
  expect(resumed.state()).toEqual(whole.state());
});

test("a trainer made of bare parameters scores by them", async () => {
  // Two logits: the first is the first number of the state, the second twice that, less 0.25.
  const parameters = new Float32Array(2 * width + 2);
  parameters[0] = 1;
  parameters[width] = 2;
  parameters[2 * width + 1] = -0.25;
  const trainer = bareTrainer(width, parameters);
  const states = new Uint16Array(3 * width);
  states[0] = 0x3c00; // 1
  states[width] = 0xc000; // -2
  const stateOf = new Int32Array([0, 1, 2, 0]);
  const scores = await trainer.scores({ states, stateOf, scalars: new Float32Array() });
  expect(Array.from(scores)).toEqual([0.75, -2.25, -0.25, 0.75]);
});

test("a saved head tells all that it was saved with", async () => {
  const file = path.join(folder, "head.gguf");
  const metadata = {
    "specdecpp.head.fingerprint.draft": "abc",
    "specdecpp.head.training.seed": 3,
    "specdecpp.head.training.whole": true,
    "specdecpp.head.training.losses": [0.5, 0.25],
    "specdecpp.head.training.names": ["a", "b"],
  };
  const trainer = await trained();
  await trainer.save(file, metadata, "f16");
  const head = new addon.AcceptanceHead(file);
  const info = await head.load();
  expect(info).toMatchObject({
    kind: "full",
    width,
    depth: 1,
    tied: false,
    hidden: 4,
    columns,
    masks: shape.masks,
    type: "f16",
    parameters: 32 * 32 + 32 + 12 * 32 + 12 * 2 + 12 + 12 + 6 + 3,
    metadata: { ...metadata, "general.architecture": "specdecpp-head" },
  });
  expect(Array.from(info.deviation)).toEqual([1, 2]);
  expect(info.tensors).toContainEqual({ name: "state.weight", type: "f16", shape: [12, width] });
  expect(info.tensors).toContainEqual({ name: "output.bias", type: "f32", shape: [3] });
  head.dispose();
});

test("a loaded head scores as its trainer did, then calibrates", async () => {
  const file = path.join(folder, "calibrated.gguf");
  const trainer = await trained();
  const bias = Array.from({ length: 24 }, (_, i) => i);
  await trainer.save(
    file,
    {
      "specdecpp.head.calibration.slope": [1, 2, 3],
      "specdecpp.head.calibration.bias": bias,
    },
    "f32",
  );
  const head = new addon.AcceptanceHead(file);
  await head.load();
  const drafted = Int32Array.from({ length: 20 }, (_, i) => i); // position 5 is bucket 4
  const raw = await trainer.scores(examples);
  const scores = await head.scores(examples, drafted);
  const at = (example: number, output: number): number => raw[3 * example + output] ?? NaN;
  expect(scores[3 * 5 + 0]).toBeCloseTo(at(5, 0) + 4, 5);
  expect(scores[3 * 4 + 1]).toBeCloseTo(2 * at(4, 1) + 8 + 4, 5);
  expect(scores[3 * 19 + 2]).toBeCloseTo(3 * at(19, 2) + 16 + 7, 5);
});

test("scalars of a draft's steps are those of the formulas", () => {
  const rows = new Float32Array([
    ...[Math.log(0.5), 0.6, 0.25, 0.81],
    ...[Math.log(0.9), 0.9, 0.85, 0.36],
    ...[Math.log(0.2), 0.7, 0.5, 1],
  ]);
  const scalars = addon.headScalars(new Uint8Array([2, 0, 1]), rows, 0.7);
  const named = (row: number): Record<string, number> =>
    Object.fromEntries(
      addon.headColumns.map((name, i) => [
        name,
        scalars[row * addon.headColumns.length + i] ?? NaN,
      ]),
    );
  const first = {
    "logit-mode": Math.log(0.6 / 0.4),
    margin: 0.25,
    "root-entropy": 0.9,
    entropy: 0.81,
    "log-position": 0,
    temperature: 0.7,
    "drawn.log-q": Math.log(0.5),
    "drawn.below-mode": Math.log(0.5 / 0.6),
    "previous.log-q": 0,
    "previous.below-mode": 0,
    "previous.logit-mode": 0,
    "previous.margin": 0,
    "previous.root-entropy": 0,
    first: 1,
    "log-ratio": Math.log(0.6 / 0.35),
    "drawn.log-others": Math.log(2),
    "previous.log-ratio": 0,
    "previous.log-others": 0,
  };
  const second = {
    ...first,
    "logit-mode": Math.log(0.9 / 0.1),
    margin: 0.85,
    "root-entropy": 0.6,
    entropy: 0.36,
    "log-position": Math.log(2),
    "drawn.log-q": Math.log(0.9),
    "drawn.below-mode": 0,
    "previous.log-q": Math.log(0.5),
    "previous.below-mode": Math.log(0.5 / 0.6),
    "previous.logit-mode": Math.log(0.6 / 0.4),
    "previous.margin": 0.25,
    "previous.root-entropy": 0.9,
    first: 0,
    "log-ratio": Math.log(0.9 / 0.05),
    "drawn.log-others": Math.log(10),
    "previous.log-ratio": Math.log(0.6 / 0.35),
    "previous.log-others": Math.log(2),
  };
  expect(Object.keys(first)).toEqual(addon.headColumns);
  for (const [row, expected] of [first, second].entries()) {
    for (const [name, value] of Object.entries(expected)) {
      expect([name, named(row)[name]]).toEqual([name, expect.closeTo(value, 5)]);
    }
  }
  expect(named(2)).toMatchObject({ first: 1, "previous.log-q": 0 }); // another draft begins
  expect(scalars).toHaveLength(3 * addon.headColumns.length);
});

test("one call at a time", async () => {
  const trainer = new addon.HeadTrainer(optionsOf());
  const pending = trainer.train(examples, order, 8, rates);
  for (const call of [
    () => trainer.train(examples, order, 8, rates),
    () => trainer.scores(examples),
    () => trainer.state(),
    () => trainer.save(path.join(folder, "busy.gguf"), {}, "f32"),
  ]) {
    expect(await codeOf(call)).toBe("ERR_BUSY");
  }
  await pending;
  expect(trainer.state().length).toBeGreaterThan(0);
});

test("what does not fit together is refused", async () => {
  const trainer = new addon.HeadTrainer(optionsOf());
  const wrong: [string, Partial<NativeHeadExamples>][] = [
    ["states", { states: new Uint16Array(width + 1) }],
    ["stateOf", { stateOf: new Int32Array([...examples.stateOf.subarray(1), 20]) }],
    ["stateOf", { stateOf: new Int32Array([...examples.stateOf.subarray(1), -1]) }],
    ["scalars", { scalars: new Float32Array(3) }],
    ["labels", { labels: new Float32Array(3) }],
    ["labels", { labels: undefined as unknown as Float32Array }],
  ];
  for (const [name, part] of wrong) {
    expect([
      name,
      await codeOf(() => trainer.train({ ...examples, ...part }, order, 8, rates)),
    ]).toEqual([name, "ERR_INVALID_ARGUMENT"]);
  }
  for (const call of [
    () => trainer.train(examples, new Int32Array([20]), 8, new Float32Array(1)),
    () => trainer.train(examples, order, 8, new Float32Array(2)),
    () => trainer.train(examples, order, 0, rates),
    () => new addon.HeadTrainer(optionsOf({ weights: new Uint8Array(4) })),
    () => new addon.HeadTrainer(optionsOf({ parameters: new Float32Array(4) })),
    () => new addon.HeadTrainer(optionsOf({ deviation: new Float32Array(2) })),
    () => new addon.HeadTrainer(optionsOf({ threads: 0 })),
    () => new addon.HeadTrainer(optionsOf({ shape: { ...shape, width: 65536, depth: 4 } })),
    () =>
      new addon.HeadTrainer(optionsOf({ shape: { ...shape, masks: new Uint8Array(6).fill(1) } })),
    () => trainer.save(path.join(folder, "x.gguf"), { "general.alignment": 3 }, "f32"),
    () => trainer.save(path.join(folder, "x.gguf"), { mixed: [1, "a"] as string[] }, "f32"),
    () => trainer.save(path.join(folder, "x.gguf"), {}, "q3" as "f32"),
    () => addon.headScalars(new Uint8Array([2]), new Float32Array(4), 1),
  ]) {
    expect([String(call), await codeOf(call)]).toEqual([String(call), "ERR_INVALID_ARGUMENT"]);
  }
  expect(existsSync(path.join(folder, "x.gguf"))).toBe(false);
});

test("a head is used only while it is loaded", async () => {
  const file = path.join(folder, "used.gguf");
  await (await trained()).save(file, {}, "f32");
  const head = new addon.AcceptanceHead(file);
  const inputs: NativeHeadInputs = examples;
  const score = () => head.scores(inputs, new Int32Array(20));
  expect(await codeOf(score)).toBe("ERR_DISPOSED");
  await head.load();
  expect(await score()).toHaveLength(60);
  expect(await codeOf(() => head.scores(inputs, new Int32Array(19)))).toBe("ERR_INVALID_ARGUMENT");
  head.dispose();
  expect(await codeOf(score)).toBe("ERR_DISPOSED");
});

test("a damaged file and one that is no head are refused", async () => {
  const file = path.join(folder, "damaged.gguf");
  await (await trained()).save(file, {}, "f32");
  const cut = path.join(folder, "cut.gguf");
  copyFileSync(file, cut);
  truncateSync(cut, 4000);
  for (const each of [cut, demoDraft, path.join(folder, "none.gguf")]) {
    expect(await codeOf(() => new addon.AcceptanceHead(each).load())).toBe("ERR_MODEL_LOAD");
  }
});
