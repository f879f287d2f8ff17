import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { NativeModel, NativeSession } from "../../lib/native/binding";
import { loadAddon } from "../../lib/native/load";
import { readRound, type Round, runRound } from "../../lib/native/round";
import { demoDraft, demoTarget, prompt } from "../support/demo";
import { codeOf, context, loadModel, sampling, textOptions } from "../support/native";

// The addon on its own: it checks kinds, handles and state, and refuses what does not fit.

const addon = loadAddon();

/** A round that drafts four tokens. */
async function round(): Promise<Round> {
  return runRound(session, { length: 4 }, 100);
}

let target: NativeModel;
let draft: NativeModel;
let session: NativeSession;
let tokens: Int32Array;

beforeAll(async () => {
  target = await loadModel(demoTarget);
  draft = await loadModel(demoDraft);
  tokens = target.tokenize(prompt, true, true);
});

beforeEach(async () => {
  session = new addon.Session({
    target,
    targetContext: context,
    draft,
    draftContext: context,
    maxDraft: 8,
  });
  await session.open();
});

afterEach(() => {
  session.dispose();
});

afterAll(() => {
  target.dispose();
  draft.dispose();
});

async function begin(): Promise<void> {
  session.begin(tokens, sampling, textOptions);
  while ((await session.prefill(512)) > 0);
}

test.each<[string, () => unknown]>([
  ["a model without options", () => new (addon.Model as new () => NativeModel)()],
  [
    "a path that is no string",
    () =>
      new addon.Model({ path: 1 as never, gpuLayers: 0, devices: [], mmap: true, mlock: false }),
  ],
  [
    "layers that are not whole",
    () => new addon.Model({ path: "a", gpuLayers: 0.5, devices: [], mmap: true, mlock: false }),
  ],
  [
    "devices that are no array",
    () =>
      new addon.Model({
        path: "a",
        gpuLayers: 0,
        devices: "CPU" as never,
        mmap: true,
        mlock: false,
      }),
  ],
  ["a text that is no string", () => target.tokenize(5 as never, true, true)],
  ["a token beyond the vocabulary", () => target.piece(4096)],
  ["a negative token", () => target.piece(-1)],
  [
    "an object that is no model",
    () => new addon.Session({ target: {} as never, targetContext: context, maxDraft: 8 }),
  ],
  [
    "a session as a model",
    () => new addon.Session({ target: session as never, targetContext: context, maxDraft: 8 }),
  ],
  [
    "a context without a size",
    () => new addon.Session({ target, targetContext: {} as never, maxDraft: 8 }),
  ],
  [
    "an unknown cache type",
    () => new addon.Session({ target, targetContext: { ...context, kvTypeK: "q2" }, maxDraft: 8 }),
  ],
  [
    "tokens in a plain array",
    () => {
      session.begin([1, 2] as never, sampling, textOptions);
    },
  ],
  [
    "tokens of another width",
    () => {
      session.begin(new Float64Array(2) as never, sampling, textOptions);
    },
  ],
  [
    "tokens beyond the vocabulary",
    () => {
      session.begin(Int32Array.of(4096), sampling, textOptions);
    },
  ],
  [
    "sampling that is not a number",
    () => {
      session.begin(tokens, { ...sampling, temperature: NaN }, textOptions);
    },
  ],
  [
    "a bias on no token",
    () => {
      session.begin(tokens, { ...sampling, logitBias: [[4096, 1]] }, textOptions);
    },
  ],
  [
    "a bias that is not a number",
    () => {
      session.begin(tokens, { ...sampling, logitBias: [[1, NaN]] }, textOptions);
    },
  ],
  ["a count that is not whole", () => session.prefill(NaN)],
  [
    "an unknown verifier",
    () => {
      session.begin(tokens, sampling, { ...textOptions, verifier: "fast" });
    },
  ],
  ["a round without a length", () => session.round(undefined as never, 100)],
  ["a gate that is no row", () => session.round(4, 100, {} as never)],
  ["a gate of another size", () => session.round(4, 100, new Float64Array(11))],
  ["a survival gate that is no row", () => session.round(4, 100, undefined, [1] as never)],
  ["a survival gate of another size", () => session.round(4, 100, undefined, new Float64Array(33))],
  ["a path that is missing", () => addon.deepen(undefined as never, "b", 1)],
])("%s is refused", async (_, work) => {
  expect(await codeOf(work)).toBe("ERR_INVALID_ARGUMENT");
});

test("a method does not work on another object", () => {
  expect(() => target.tokenize.call(session, "a", true, true)).toThrow(/Illegal invocation/);
  expect(() => target.tokenize.call({} as NativeModel, "a", true, true)).toThrow(
    /Illegal invocation/,
  );
});

test("while a call is in flight, another is refused and the first is not disturbed", async () => {
  await begin();
  const pending = round();
  for (const work of [
    () => session.round(4, 100),
    () => session.prefill(1),
    () => {
      session.begin(tokens, sampling, textOptions);
    },
    () => {
      session.rollBack(1);
    },
    () => {
      session.dispose();
    },
    () => session.state(),
    () => session.states(),
    () => session.open(),
  ]) {
    expect(await codeOf(work)).toBe("ERR_BUSY");
  }
  expect((await pending).tokens.length).toBeGreaterThan(0);
});

test("what has been disposed of is refused", async () => {
  session.dispose();
  session.dispose();
  expect(await codeOf(() => session.round(4, 100))).toBe("ERR_DISPOSED");
  const model = await loadModel(demoDraft);
  model.dispose();
  expect(await codeOf(() => model.tokenize("a", true, true))).toBe("ERR_DISPOSED");
});

test("a model that is not loaded is refused", async () => {
  const model = new addon.Model({
    path: demoDraft,
    gpuLayers: 0,
    devices: [],
    mmap: true,
    mlock: false,
  });
  expect(
    await codeOf(() => new addon.Session({ target: model, targetContext: context, maxDraft: 8 })),
  ).toBe("ERR_DISPOSED");
});

test("a session keeps its models although they are disposed of", async () => {
  const own = await loadModel(demoTarget);
  const other = new addon.Session({ target: own, targetContext: context, maxDraft: 1 });
  own.dispose();
  await other.open();
  other.begin(tokens, sampling, textOptions);
  while ((await other.prefill(512)) > 0);
  expect(readRound(await other.round(4, 100)).tokens.length).toBe(1);
  other.dispose();
});

(process.platform === "linux" ? test : test.skip)(
  "the weights are freed when model and session are disposed of, although both are still held",
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "specdecpp-"));
    const file = path.join(folder, "own.gguf");
    copyFileSync(demoTarget, file);
    const isMapped = () => readFileSync("/proc/self/maps", "utf8").includes(file);
    const own = await loadModel(file);
    const other = new addon.Session({ target: own, targetContext: context, maxDraft: 1 });
    await other.open();
    own.dispose();
    expect(isMapped()).toBe(true);
    other.dispose();
    expect(isMapped()).toBe(false);
    expect(await codeOf(() => other.open())).toBe("ERR_DISPOSED");
    rmSync(folder, { recursive: true });
  },
);

test("what JavaScript gets is a copy", async () => {
  await begin();
  await round();
  const { tokens: first } = session.state();
  const before = Array.from(first);
  await round();
  expect(Array.from(first)).toEqual(before);
  first.fill(0);
  expect(Array.from(session.state().tokens.subarray(0, before.length))).toEqual(before);
});

describe("both caches hold what they must", () => {
  function expectInvariants(decided: number): void {
    const state = session.state();
    expect(state.tokens.length).toBe(decided);
    expect(state.targetPast).toBe(decided - 1);
    expect(state.draftPast).toBeLessThanOrEqual(decided - 1);
  }

  test("after every round, under every verifier", async () => {
    for (const verifier of ["rejection", "match"]) {
      session.begin(tokens, { ...sampling, temperature: 1 }, { ...textOptions, verifier });
      while ((await session.prefill(7)) > 0);
      let decided = tokens.length;
      let last: Round;
      do {
        last = await round();
        decided += last.tokens.length;
        expectInvariants(decided);
      } while (!last.ended && decided < 200);
    }
  });

  test("after an abort, and the text goes on as if there had been none", async () => {
    await begin();
    const whole: number[] = [];
    for (let i = 0; i < 6; ++i) whole.push(...(await round()).tokens);

    await begin();
    const parts: number[] = [];
    let aborted = 0;
    while (parts.length < whole.length) {
      const pending = round();
      if (parts.length % 2 === 0 && aborted < 20) {
        session.abort();
      }
      try {
        parts.push(...(await pending).tokens);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_ABORTED" });
        aborted += 1;
      }
      expectInvariants(tokens.length + parts.length);
    }
    expect(parts).toEqual(whole);
    expect(aborted).toBeGreaterThan(0);
  });

  test("after a rollback", async () => {
    await begin();
    await round();
    session.rollBack(tokens.length);
    expectInvariants(tokens.length);
    session.rollBack(5);
    expectInvariants(5);
  });

  test("after a refused prompt", async () => {
    await begin();
    await round();
    const before = session.state();
    expect(
      await codeOf(() => {
        session.begin(new Int32Array(513), sampling, textOptions);
      }),
    ).toBe("ERR_CONTEXT_FULL");
    expect(Array.from(session.state().tokens)).toEqual(Array.from(before.tokens));
    expectInvariants(before.tokens.length);
  });
});
