// Heads of the embedded pair, trained on a small trace of it.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  AcceptanceHead,
  type EpochReport,
  readTrace,
  replay,
  trace,
  trainHead,
  type TrainHeadOptions,
  type TrainingPlan,
} from "../../lib";
import { judgedBy, scored } from "../../lib/head/evaluation";
import { gather, loadExamples } from "../../lib/head/examples";
import { splitPrompts } from "../../lib/head/split";
import { scoresOf } from "../../lib/replay/head-scores";
import { demoDraft, demoEngine, demoTarget, gsm8k, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

let folder: string;
let walks: string;
const inFolder = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const prompts = inFolder("prompts.jsonl");
  writeFileSync(
    prompts,
    gsm8k
      .slice(0, 40)
      .map((prompt) => `${JSON.stringify({ prompt })}\n`)
      .join(""),
  );
  const pair = {
    target: { path: demoTarget, threads },
    draft: { path: demoDraft, threads },
    ...{ prompts, maxTokens: 40, maxDraftTokens: 8, seed: 3 },
  };
  ({ out: walks } = await trace({ ...pair, temperature: 0, out: inFolder("walks") }));
  await trace({ ...pair, mode: "paper", limit: 4, temperature: 1, out: inFolder("paper") });
  const widened = { ...pair, limit: 2, temperature: 1, out: inFolder("other") };
  await trace({ ...widened, draft: { path: demoTarget, threads } });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const training = (more: Partial<TrainHeadOptions> = {}): TrainHeadOptions => ({
  trace: walks,
  out: inFolder("head.gguf"),
  ...{
    epochs: 4,
    hidden: 16,
    tokenColumns: 8,
    batchSize: 64,
    learningRate: 0.003,
    threads,
    seed: 1,
  },
  ...more,
});

test("examples are the steps of drafts, with the labels of both tokens and the state before", async () => {
  const { count, width, columns, labels, position, reached, ratio, scalars, states } =
    await loadExamples([walks], { kind: "full", seed: 1 });
  const column = (name: string, i: number): number =>
    scalars[i * columns.length + columns.indexOf(name)]!;
  expect(states).toHaveLength(count * width);
  let reachedTokens = 0;
  for (let i = 0; i < count; ++i) {
    const k = position[i]!;
    expect(labels[2 * i + 1]).toBe(Math.min(1, ratio[i]!));
    expect(column("log-position", i)).toBeCloseTo(Math.log(k + 1), 6);
    expect(column("first", i)).toBe(k === 0 ? 1 : 0);
    if (k === 0) {
      expect(labels[2 * i]).toBeNaN();
      expect(reached[2 * i]).toBe(0);
    } else {
      // What is said of the previous token is what the example before it says of the drawn one.
      expect(labels[2 * i]).toBe(labels[2 * i - 1]);
      expect(column("previous.log-q", i)).toBe(column("drawn.log-q", i - 1));
      expect(reached[2 * i]).toBe(reached[2 * i - 1]);
    }
    reachedTokens += reached[2 * i + 1]!;
  }
  let tokens = 0;
  for await (const { replyTokens } of readTrace(walks, { states: false })) {
    tokens += replyTokens.length;
  }
  expect(reachedTokens).toBe(tokens);
});

test("where states take too much memory, drafts are left out", async () => {
  const all = await loadExamples([walks], { kind: "full", seed: 1 });
  const maxBytes = all.states.byteLength / 2;
  const some = await loadExamples([walks], { kind: "full", seed: 1, maxBytes });
  expect(some.states.byteLength).toBeLessThan(1.2 * maxBytes);
  expect(some.count).toBeGreaterThan(0.2 * all.count);
});

test("over five splits, trained heads predict held-out prompts better than their mean acceptance", async () => {
  const gains = { older: 0, before: 0, newest: 0 };
  const outputs = ["older", "before", "newest"] as const;
  for (const seed of [1, 2, 3, 4, 5]) {
    let plan: TrainingPlan | undefined;
    const options = training({ seed, out: inFolder("split.gguf") });
    const { epochs, best } = await trainHead({ ...options, onStart: (given) => (plan = given) });
    for (const output of outputs) {
      const constant = plan!.predictors[output]!.find(({ name }) => name === "mean acceptance")!;
      gains[output] += constant.loss - epochs[best - 1]!.outputs[output]!.loss;
    }
  }
  for (const output of outputs) expect(gains[output]).toBeGreaterThan(0);
});

test("a trained head tells of its training, and loads", async () => {
  let plan: TrainingPlan | undefined;
  const epochs: EpochReport[] = [];
  const result = await trainHead(
    training({ onStart: (given) => (plan = given), onEpoch: (epoch) => epochs.push(epoch) }),
  );
  expect(plan).toMatchObject({ prompts: { train: 32, stop: 4, test: 4 }, done: 0 });
  expect(result.epochs).toEqual(epochs);
  expect(epochs[1]!.trainLoss).toBeLessThan(epochs[0]!.trainLoss);
  using head = await AcceptanceHead.load(result.out);
  expect(head.info).toMatchObject({
    ...{ kind: "full", width: 128, depth: 1, hidden: 16, type: "f16", calibrated: true },
    draft: { file: "draft.gguf" },
    training: { epochs: 4, seed: 1, traces: [{ mode: "walk", temperature: 0, prompts: 40 }] },
    scores: { newest: { brier: result.outputs.newest!.head.brier } },
  });
});

test("a head file scores as its training reports", async () => {
  const { out, outputs } = await trainHead(training({ out: inFolder("f32.gguf"), type: "f32" }));
  // The examples of the training, with the scalars that the addon knows: the head adds its own.
  const examples = await loadExamples([walks], { kind: "full", seed: 1 });
  const part = splitPrompts(examples.prompt, 1);
  const indices = Int32Array.from(examples.prompt.keys()).filter(
    (i) => part.get(examples.prompt[i]!) === "test",
  );
  using head = await AcceptanceHead.load(out);
  const some = gather(examples, indices, "full");
  const logits = await head.scores(some, {
    ...{ known: examples.columns, scalars: some.scalars },
    token: indices.map((i) => examples.token[i]!),
    position: indices.map((i) => examples.position[i]!),
  });
  for (const output of ["older", "before", "newest"] as const) {
    const judged = judgedBy(output, { kind: "full", examples, indices, logits });
    expect(scored(judged).metrics().loss).toBeCloseTo(outputs[output]!.head.loss, 3); // its table is f16
  }
});

test("aborted and called again, training ends with the bytes of one that was not", async () => {
  const whole = await trainHead(training({ out: inFolder("whole.gguf") }));
  const out = inFolder("aborted.gguf");
  for (const after of [1, 2]) {
    const controller = new AbortController();
    const seen: number[] = [];
    const error = await rejection(
      trainHead(
        training({
          out,
          signal: controller.signal,
          onEpoch: ({ epoch }) => {
            seen.push(epoch);
            if (epoch === after) controller.abort();
          },
        }),
      ),
      "ERR_ABORTED",
    );
    expect(error.message).toMatch(/aborted/);
    expect(seen).toEqual(Array.from({ length: after }, (_, i) => i + 1));
    expect(existsSync(`${out}.checkpoint`)).toBe(true);
  }
  const other = await rejection(trainHead(training({ out, hidden: 8 })), "ERR_HEAD_MISMATCH");
  expect(other.message).toMatch(/of another training: hidden is 16 there and 8 here/);
  await trainHead(training({ out }));
  expect(readFileSync(out).equals(readFileSync(whole.out))).toBe(true);
  expect(existsSync(`${out}.checkpoint`)).toBe(false);
});

test("a checkpoint that is damaged is refused", async () => {
  const out = inFolder("damaged.gguf");
  writeFileSync(`${out}.checkpoint`, '{"bytes":[9,9]}\nnothing');
  const error = await rejection(trainHead(training({ out })), "ERR_HEAD_MISMATCH");
  expect(error.message).toMatch(/is damaged/);
});

test("a head of the paper's kind learns from states alone, of walks and of its own traces", async () => {
  const out = inFolder("paper.gguf");
  const { outputs, epochs } = await trainHead({
    ...{ trace: [walks, inFolder("paper")], out, kind: "paper", depth: 2, tied: true },
    ...{ rejectionWeight: 6, epochs: 4, batchSize: 64, threads },
  });
  expect(Object.keys(outputs)).toEqual(["older"]);
  expect(epochs.at(-1)!.outputs.older!.loss).toBeLessThan(0.8);
  using head = await AcceptanceHead.load(out);
  expect(head.info).toMatchObject({ kind: "paper", depth: 2, tied: true, outputs: ["older"] });
});

test("scores of a trace's rows are those of the drafts that have them", async () => {
  using head = await AcceptanceHead.load(inFolder("head.gguf"));
  for await (const record of readTrace(walks)) {
    const { older, before, newest } = await scoresOf(head, record, 0);
    let row = 0;
    for (const length of record.drafted) {
      for (let k = 0; k < length; ++k, ++row) {
        expect(Number.isNaN(older[row])).toBe(k === length - 1);
        expect(Number.isFinite(before[row]! + newest[row]!)).toBe(true);
      }
    }
    expect(older).toHaveLength(row);
    break;
  }
});

test("in an engine a head says what it says in replay, of all tokens that a draft has", async () => {
  const head = inFolder("head.gguf");
  const engine = await demoEngine({ head });
  const { rounds } = await engine.generate(gsm8k[0]!, {
    ...{ temperature: 0, maxTokens: 12, stopRule: "fixed:6", details: true },
  });
  await engine.dispose();
  using loaded = await AcceptanceHead.load(head);
  for await (const record of readTrace(walks)) {
    const scores = await scoresOf(loaded, record, 0);
    const [first] = rounds!;
    expect(first!.draft).toHaveLength(6);
    for (const [k, { id, head: said }] of first!.draft!.entries()) {
      expect(id).toBe(record.token[k]);
      // A trace has states in half precision.
      expect(Math.abs(said!.newest - scores.newest[k]!)).toBeLessThan(0.05);
      expect(Math.abs(said!.before - scores.before[k]!)).toBeLessThan(0.05);
      if (k < 5) expect(Math.abs(said!.older - scores.older[k]!)).toBeLessThan(0.05);
    }
    break;
  }
});

test("head:H stops a lived round where replay does", async () => {
  const head = inFolder("head.gguf");
  const one = { trace: walks, costs: "paper", limit: 1, rules: ["head:0.5"], head };
  const replayed = (await replay(one)).rules[0]!;
  const engine = await demoEngine({ head, maxDraftTokens: 8 });
  const { stats } = await engine.generate(gsm8k[0]!, {
    ...{ temperature: 0, maxTokens: 40, stopRule: "head:0.5" },
  });
  await engine.dispose();
  expect(stats).toMatchObject({ drafted: replayed.drafted, targetPasses: replayed.passes });
});

test("a head is refused for another pair, and says what differs", async () => {
  const options = { trace: inFolder("other"), costs: "paper", rules: ["none"] };
  const error = await rejection(
    replay({ ...options, head: inFolder("head.gguf") }),
    "ERR_HEAD_MISMATCH",
  );
  expect(error.message).toMatch(/it reads states of 128 numbers, and .*target.*\.gguf has 256/);
  using head = await AcceptanceHead.load(inFolder("head.gguf"));
  const { draft, target, vocabulary } = head.info;
  const pair = {
    target: { path: "t.gguf", fingerprint: target.fingerprint },
    draft: { path: "d.gguf", fingerprint: "another", stateWidth: 128 },
    vocabulary: () => vocabulary,
  };
  const check = (more: Partial<typeof pair>, force: boolean): (() => void) => {
    return () => {
      head.checkPair({ ...pair, ...more }, force);
    };
  };
  expect(check({}, false)).toThrow(
    /the draft it was trained for was another file, draft\.gguf.*only the quantization differs/,
  );
  expect(check({}, true)).not.toThrow();
  expect(check({ vocabulary: () => "another" }, true)).toThrow(/of another vocabulary/);
  const same = { path: "d.gguf", fingerprint: draft.fingerprint, stateWidth: 128 };
  expect(check({ draft: same, vocabulary: () => "never asked" }, false)).not.toThrow();
});

test.each<[string, Partial<TrainHeadOptions>, string, RegExp]>([
  ["traces of two pairs", { trace: [] }, "ERR_INVALID_ARGUMENT", /trace must be/],
  ["a kind that is none", { kind: "large" as never }, "ERR_INVALID_ARGUMENT", /full, paper/],
  ["five blocks", { depth: 5 }, "ERR_INVALID_ARGUMENT", /depth must be a whole number, 0 to 4/],
  ["an unknown option", { width: 3 } as never, "ERR_INVALID_ARGUMENT", /no option "width"/],
  ["no trace", { trace: "nowhere" }, "ERR_FILE_NOT_FOUND", /no trace in nowhere/],
])("refused: %s", async (_, more, code, reason) => {
  const error = await rejection(trainHead(training(more)), code as "ERR_WRITE");
  expect(error.message).toMatch(reason);
});

test("refused: traces of different pairs, and mixed states for a full head", async () => {
  const two = await rejection(
    trainHead(training({ trace: [walks, inFolder("other")] })),
    "ERR_TRACE_MISMATCH",
  );
  expect(two.message).toMatch(/of different models: the draft is another/);
  const mixed = await rejection(
    trainHead(training({ trace: inFolder("paper") })),
    "ERR_INVALID_ARGUMENT",
  );
  expect(mixed.message).toMatch(/states are of mixed texts/);
});
