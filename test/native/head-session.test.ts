import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  draftColumns,
  type NativeAcceptanceHead,
  type NativeModel,
  type NativeSession,
} from "../../lib/native/binding";
import { loadAddon } from "../../lib/native/load";
import { runRound } from "../../lib/native/round";
import { demoDraft, demoTarget, prompt } from "../support/demo";
import { bareTrainer, codeOf, context, loadModel, sampling, textOptions } from "../support/native";

// A head in a native session: what its rounds say of it, and which is refused.

const addon = loadAddon();
let folder: string;
let target: NativeModel;
let draft: NativeModel;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "specdecpp-head-"));
  target = await loadModel(demoTarget);
  draft = await loadModel(demoDraft);
});

afterAll(() => {
  target.dispose();
  draft.dispose();
  rmSync(folder, { recursive: true });
});

/** A head of that many numbers a state, which scores a token by the first of them. */
async function headOf(stateWidth: number): Promise<NativeAcceptanceHead> {
  const file = path.join(folder, `width-${stateWidth}.gguf`);
  const parameters = new Float32Array(2 * stateWidth + 2);
  parameters[stateWidth] = 1;
  const trainer = bareTrainer(stateWidth, parameters);
  await trainer.save(file, {}, "f32");
  const head = new addon.AcceptanceHead(file);
  await head.load();
  return head;
}

async function openWith(head?: NativeAcceptanceHead): Promise<NativeSession> {
  const session = new addon.Session({
    target,
    targetContext: context,
    draft,
    draftContext: context,
    maxDraft: 8,
    ...(head && { head }),
  });
  await session.open();
  session.begin(target.tokenize(prompt, true, true), sampling, {
    ...textOptions,
    details: true,
    states: true,
  });
  while ((await session.prefill(512)) > 0);
  return session;
}

const stateWidth = 128;
const column = { older: 7, before: 8, newest: 9 };

test("rows of a draft have what the head says of its tokens", async () => {
  const session = await openWith(await headOf(stateWidth));
  const round = await runRound(session, { length: 4 }, 100);
  const at = (row: number, of: keyof typeof column): number =>
    round.draft[row * draftColumns + column[of]] ?? NaN;
  expect(round.draft).toHaveLength(4 * draftColumns);
  const states = session.states();
  for (let row = 0; row < 3; ++row) {
    const bits = states[(row + 1) * stateWidth] ?? NaN;
    expect(at(row, "older")).toBeCloseTo(fromHalf(bits), 1);
    expect([at(row, "before"), at(row, "newest")]).toEqual([NaN, NaN]);
  }
  expect(at(3, "older")).toBeNaN();
  session.dispose();
});

test("a survival gate obeys the head", async () => {
  const session = await openWith(await headOf(stateWidth));
  const one = [1, 0, 0, 0, 0, 0, 0, 0, 0]; // certain
  const older = [0, 0, 0, 0, 0, 0, 0, 1, 1]; // the logistic function of the logit
  const never = [0, 0, 1, 1, 1, 1, 1, 1]; // no product of them is above 1
  const survival = new Float64Array([...one, ...older, ...one, ...one, ...never, ...never.fill(0)]);
  const round = await runRound(session, { length: 8, survival }, 100);
  expect([round.drafted, round.stopReason]).toEqual([2, "gate"]);
  session.dispose();
});

test("a gate that weighs what no head says is refused", async () => {
  const session = await openWith();
  const gate = new Float64Array([1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  expect(await codeOf(() => session.round(4, 100, gate))).toBe("ERR_INVALID_ARGUMENT");
  expect((await runRound(session, { length: 4 }, 100)).drafted).toBe(4);
  session.dispose();
});

test("a head of another width is refused, and what is no head", async () => {
  const narrow = await headOf(64);
  expect(await codeOf(() => openWith(narrow))).toBe("ERR_HEAD_MISMATCH");
  const other = target as unknown as NativeAcceptanceHead;
  expect(await codeOf(() => openWith(other))).toBe("ERR_INVALID_ARGUMENT");
});

test("a session keeps its head when that is disposed of", async () => {
  const head = await headOf(stateWidth);
  const session = await openWith(head);
  head.dispose();
  const round = await runRound(session, { length: 4 }, 100);
  expect(round.draft[column.older]).not.toBeNaN();
  session.dispose();
});

function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = (bits & 1023) / 1024;
  const size = exponent === 0 ? mantissa * 2 ** -14 : (1 + mantissa) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}
