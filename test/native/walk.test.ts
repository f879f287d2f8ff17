import {
  draftColumns,
  type NativeModel,
  type NativeSession,
  type NativeWalkOptions,
} from "../../lib/native/binding";
import { loadAddon } from "../../lib/native/load";
import { readRound } from "../../lib/native/round";
import { demoDraft, demoTarget, prompt } from "../support/demo";
import { context, sampling as plainSampling, textOptions } from "../support/native";

// The native session's walks: what they refuse, and what they give.

const addon = loadAddon();
const sampling = { ...plainSampling, temperature: 1 };
const walk: NativeWalkOptions = { coupled: true, from: 0, count: 4, states: true };
const width = 128;

let target: NativeModel;
let draft: NativeModel;
let session: NativeSession;

beforeAll(async () => {
  const load = async (path: string): Promise<NativeModel> => {
    const model = new addon.Model({ path, gpuLayers: 0, devices: [], mmap: true, mlock: false });
    expect((await model.load()).stateWidth).toBeGreaterThan(0);
    return model;
  };
  target = await load(demoTarget);
  draft = await load(demoDraft);
});

beforeEach(async () => {
  const contexts = { target, targetContext: context, draft, draftContext: context };
  session = new addon.Session({ ...contexts, maxDraft: 8, walks: true });
  await session.open();
  session.begin(target.tokenize(prompt, true, true), sampling, textOptions);
  while ((await session.prefill(512)) > 0);
  for (let i = 0; i < 6; ++i) await session.round(0, 100);
});

afterEach(() => {
  session.dispose();
});

/** The code of what a call throws before it begins. */
function codeOf(call: () => Promise<unknown>): string | undefined {
  try {
    void call();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

test("gives a row for each drafted token, and a state more for each position", async () => {
  const { lengths, draft: rows, states, replaced } = await session.walk(walk);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  expect(lengths).toHaveLength(4);
  expect(rows).toHaveLength(draftColumns * total);
  expect(states).toHaveLength((total + 4) * width);
  expect(Array.from(replaced)).toEqual([0, 0, 0, 0]);
});

test("leaves the text as it is", async () => {
  const { tokens } = session.state();
  await session.walk(walk);
  expect(session.state().tokens).toEqual(tokens);
  expect(readRound(await session.round(0, 100)).tokens).toHaveLength(1);
});

test.each([{ from: -1 }, { from: 5 }, { count: 0 }, { count: 9 }])(
  "positions outside of the text are refused: %j",
  async (wrong) => {
    await expect(session.walk({ ...walk, ...wrong })).rejects.toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
    });
  },
);

test.each([{ coupled: 1 }, { from: "0" }, { count: 1.5 }, { states: undefined }])(
  "wrong kinds are refused: %j",
  (wrong) => {
    const options = { ...walk, ...wrong } as unknown as NativeWalkOptions;
    expect(codeOf(() => session.walk(options))).toBe("ERR_INVALID_ARGUMENT");
  },
);

test("is one call at a time", async () => {
  const pending = session.walk(walk);
  expect(codeOf(() => session.walk(walk))).toBe("ERR_BUSY");
  await pending;
});

test("states of a continuation, which must be of the vocabulary", async () => {
  expect(await session.statesOf(Int32Array.of(5, 6, 7))).toHaveLength(4 * width);
  expect(codeOf(() => session.statesOf(Int32Array.of(99_999)))).toBe("ERR_INVALID_ARGUMENT");
});
