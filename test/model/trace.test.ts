// Traces of the embedded pair, by the library.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  readTrace,
  readTraceHeader,
  trace,
  type TraceOptions,
  type TracePlan,
  type TraceProgress,
  type TraceRecord,
} from "../../lib";
import { promptSeed } from "../../lib/trace/fingerprint";
import { TraceWriter } from "../../lib/trace/writer";
import { demoDraft, demoTarget, gsm8k, plainEngine, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

const maxTokens = 40;
const maxDraftTokens = 8;
const width = 128;
const some = gsm8k.slice(0, 5);

let folder: string;
let prompts: string;
let number = 0;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  prompts = path.join(folder, "prompts.jsonl");
  writeFileSync(prompts, some.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(""));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function options(more: Partial<TraceOptions> = {}): TraceOptions {
  return {
    ...{ target: { path: demoTarget, threads }, draft: { path: demoDraft, threads }, prompts },
    ...{ maxTokens, maxDraftTokens, temperature: 1, seed: 3 },
    out: path.join(folder, `trace-${++number}`),
    ...more,
  };
}

async function records(out: string): Promise<TraceRecord[]> {
  const all: TraceRecord[] = [];
  for await (const record of readTrace(out)) all.push(record);
  return all;
}

/** The bytes of all files. */
function contents(out: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(out).map((name) => [name, readFileSync(path.join(out, name), "base64")]),
  );
}

function sum(numbers: Iterable<number>): number {
  return Array.from(numbers).reduce((a, b) => a + b, 0);
}

/** The rows of a start. */
function startRows({ drafted }: TraceRecord, start: number): { from: number; count: number } {
  return { from: sum(drafted.subarray(0, start)), count: drafted[start]! };
}

test("replies are those that plain decoding gives with the prompt's seed", async () => {
  const { out } = await trace(options());
  const all = await records(out);
  expect(all).toHaveLength(some.length);
  const engine = await plainEngine();
  for (const record of all) {
    const seed = promptSeed(3, record.prompt);
    const { tokens } = await engine.generate(some[record.prompt]!, {
      temperature: 1,
      seed,
      verifier: "rejection",
      maxTokens,
    });
    expect(Array.from(record.replyTokens)).toEqual(tokens);
  }
  await engine.dispose();
});

test.each([0, 1])(
  "at temperature %d walks stay on the reply as far as they say, and not a token further",
  async (temperature) => {
    const { out, tokens } = await trace(options({ temperature }));
    const all = await records(out);
    expect(sum(all.map(({ replyTokens }) => replyTokens.length))).toBe(tokens);
    for (const record of all) {
      const n = record.replyTokens.length;
      expect(record.drafted).toHaveLength(n);
      expect(sum(record.drafted)).toBe(record.token.length);
      expect(record.states).toHaveLength((record.token.length + n) * width);
      for (let start = 0; start < n; ++start) {
        const { from, count } = startRows(record, start);
        expect(count).toBeGreaterThan(0);
        let onText = true;
        for (let i = 0; i < count; ++i) {
          const stays = record.token[from + i] === record.replyTokens[start + i];
          expect(record.accepted[from + i]).toBe(onText && stays ? 1 : 0);
          onText &&= stays;
          if (temperature === 0) expect([0, 1]).toContain(record.ratio[from + i]);
        }
        if (onText) expect(count).toBe(Math.min(maxDraftTokens, n - start));
        else expect(count).toBeLessThanOrEqual(maxDraftTokens);
      }
    }
  },
);

test("at temperature 0 what stays is what the target agrees to", async () => {
  const { out } = await trace(options({ temperature: 0 }));
  for (const record of await records(out)) {
    for (let start = 0; start < record.drafted.length; ++start) {
      const { from, count } = startRows(record, start);
      let accepted = 1;
      for (let i = 0; i < count && accepted === 1; ++i) {
        accepted = record.accepted[from + i]!;
        expect(record.ratio[from + i]).toBe(accepted);
      }
    }
  }
});

test("features are those of a distribution", async () => {
  const { out } = await trace(options());
  for (const record of await records(out)) {
    for (let i = 0; i < record.token.length; ++i) {
      expect(record.mode[i]).toBeLessThanOrEqual(1);
      expect(Math.exp(record.logq[i]!)).toBeLessThanOrEqual(record.mode[i]! * 1.0001);
      expect(record.margin[i]).toBeLessThanOrEqual(record.mode[i]!);
      expect(record.entropy[i]).toBeGreaterThanOrEqual(0);
      expect(record.ratio[i]).toBeGreaterThanOrEqual(0);
    }
  }
});

test("mode rounds logs every round of the longest drafts", async () => {
  const { out, tokens } = await trace(options({ mode: "rounds", verifier: "coupled" }));
  expect(await readTraceHeader(out)).toMatchObject({ mode: "rounds", verifier: "coupled" });
  const all = await records(out);
  expect(sum(all.map(({ replyTokens }) => replyTokens.length))).toBe(tokens);
  for (const record of all) {
    const n = record.replyTokens.length;
    let start = 0;
    let starts = 0;
    while (start < n) {
      const { from, count } = startRows(record, start);
      const accepted = sum(record.accepted.subarray(from, from + count));
      expect(Array.from(record.token.subarray(from, from + accepted))).toEqual(
        Array.from(record.replyTokens.subarray(start, start + accepted)),
      );
      if (count > 0) starts += 1;
      for (let i = 1; i <= accepted && start + i < n; ++i) {
        expect(record.drafted[start + i]).toBe(0);
      }
      start += accepted + 1;
    }
    expect(record.states).toHaveLength((record.token.length + starts) * width);
  }
});

test("mode paper has one token a position, and mixes them into the sequence of the states", async () => {
  const { out } = await trace(options({ mode: "paper" }));
  let mixed = 0;
  let positions = 0;
  for (const record of await records(out)) {
    const n = record.replyTokens.length;
    expect(Array.from(record.drafted)).toEqual(Array<number>(n).fill(1));
    expect(record.states).toHaveLength(2 * n * width);
    for (let i = 0; i + 1 < n; ++i) {
      expect(record.states.subarray((2 * i + 1) * width, (2 * i + 2) * width)).toEqual(
        record.states.subarray((2 * i + 2) * width, (2 * i + 3) * width),
      );
      expect(record.accepted[i]).toBe(record.token[i] === record.replyTokens[i] ? 1 : 0);
    }
    mixed += sum(record.mixed!);
    positions += n;
  }
  expect(Math.abs(mixed - 0.85 * positions)).toBeLessThan(4 * Math.sqrt(0.13 * positions));
});

test("without states a trace has all else", async () => {
  const [withStates, without] = [
    await records((await trace(options())).out),
    await records((await trace(options({ states: false }))).out),
  ];
  expect(without.map(({ token }) => token)).toEqual(withStates.map(({ token }) => token));
  expect(without.every(({ states }) => states.length === 0)).toBe(true);
});

test("readers can leave the states out", async () => {
  const { out } = await trace(options({ limit: 2 }));
  for await (const { states, token } of readTrace(out, { states: false })) {
    expect(states).toHaveLength(0);
    expect(token.length).toBeGreaterThan(0);
  }
});

test("a prompt's record does not depend on which others are traced", async () => {
  const all = await records((await trace(options())).out);
  const one = await records((await trace(options({ offset: 3, limit: 1 }))).out);
  expect(one).toHaveLength(1);
  expect(one[0]).toEqual(all[3]);
});

test("the same options a second time give the same bytes", async () => {
  const [a, b] = [await trace(options()), await trace(options())];
  expect(contents(a.out)).toEqual(contents(b.out));
});

test("aborted and called again, a trace ends with the bytes of one that was not", async () => {
  const whole = await trace(options({ limit: 3 }));
  const out = path.join(folder, "aborted");
  for (const after of [1, 2]) {
    const controller = new AbortController();
    const onProgress = ({ done }: TraceProgress): void => {
      if (done === after) controller.abort();
    };
    const { signal } = controller;
    await rejection(trace(options({ limit: 3, out, onProgress, signal })), "ERR_ABORTED");
    expect(readdirSync(out).filter((name) => name.endsWith(".partial"))).toEqual([]);
  }
  await trace(options({ limit: 3, out }));
  expect(contents(out)).toEqual(contents(whole.out));
});

test("a folder that one call writes to is refused to another, and free when that has ended", async () => {
  const out = path.join(folder, "twice");
  const controller = new AbortController();
  const { signal } = controller;
  const writing = jest.spyOn(TraceWriter.prototype, "add");
  const begun = new Promise<void>((resolve) => {
    writing.mockImplementationOnce(() => {
      resolve();
      return new Promise((goOn) => {
        signal.addEventListener("abort", () => {
          goOn();
        });
      });
    });
  });
  const first = trace(options({ limit: 2, out, signal }));
  await begun;
  const error = await rejection(trace(options({ limit: 2, out })), "ERR_BUSY");
  expect(error.message).toContain(`${out} is being written`);
  controller.abort();
  await rejection(first, "ERR_ABORTED");
  await trace(options({ limit: 2, out }));
  expect(contents(out)).toEqual(contents((await trace(options({ limit: 2 }))).out));
});

test("where a model cannot be loaded no folder is left", async () => {
  const out = path.join(folder, "none");
  const target = { path: path.join(folder, "broken.gguf") };
  writeFileSync(target.path, "no model");
  await rejection(trace(options({ out, target })), "ERR_MODEL_LOAD");
  expect(existsSync(out)).toBe(false);
});

test("plan and progress tell how much there is and how far it is", async () => {
  let plan: TracePlan | undefined;
  const seen: TraceProgress[] = [];
  const result = await trace(
    options({ onStart: (given) => (plan = given), onProgress: (now) => seen.push(now) }),
  );
  expect(plan).toMatchObject({ prompts: some.length, done: 0, skipped: 0 });
  expect(seen.map(({ done }) => done)).toEqual([1, 2, 3, 4, 5]);
  const { rows, sizeBytes } = result;
  expect(seen.at(-1)).toMatchObject({ rows, sizeBytes, expectedBytes: sizeBytes });
});

test.each([
  { mode: "walk", states: true },
  { mode: "walk", states: false },
  { mode: "rounds", states: true },
  { mode: "paper", states: true },
] as const)("the size said beforehand is near that of full replies: %j", async (more) => {
  let expected = NaN;
  // Of 24 tokens, which nearly all of these replies have.
  const onStart = ({ expectedBytes }: TracePlan): number => (expected = expectedBytes);
  const result = await trace(options({ ...more, maxTokens: 24, onStart }));
  console.info(`${more.mode}: ${expected} bytes expected, ${result.sizeBytes} written`);
  expect(expected).toBeGreaterThan(result.sizeBytes / 1.5);
  expect(expected).toBeLessThan(result.sizeBytes * 1.5);
});

test("what short replies take is known as soon as there are some, and when the trace is gone on with", async () => {
  // Shards are of sixteen prompts: one is complete when this is aborted.
  const file = path.join(folder, "short.jsonl");
  const lines = gsm8k.slice(0, 20).map((prompt) => `${JSON.stringify({ prompt })}\n`);
  writeFileSync(file, lines.join(""));
  const given = options({ prompts: file, maxTokens: 200 });
  const controller = new AbortController();
  const seen: TraceProgress[] = [];
  const onProgress = (progress: TraceProgress): void => {
    seen.push(progress);
    if (progress.done === 17) controller.abort();
  };
  await rejection(trace({ ...given, onProgress, signal: controller.signal }), "ERR_ABORTED");
  let again = NaN;
  const onStart = ({ expectedBytes }: TracePlan): number => (again = expectedBytes);
  const { sizeBytes } = await trace({ ...given, onStart });
  for (const expected of [seen[15]!.expectedBytes, again]) {
    expect(expected).toBeGreaterThan(sizeBytes / 1.3);
    expect(expected).toBeLessThan(sizeBytes * 1.3);
  }
  expect(again).toBe(seen[15]!.expectedBytes);
});

test("prompts that leave no room are left out; if all do, that is an error", async () => {
  const file = path.join(folder, "long.txt");
  writeFileSync(file, `short\n${"a long prompt ".repeat(60)}\nshort again\n`);
  const target = { path: demoTarget, threads, contextSize: 128 };
  const result = await trace(options({ prompts: file, target }));
  expect(result).toMatchObject({ prompts: 3, skipped: 1 });
  expect((await records(result.out)).map(({ prompt }) => prompt)).toEqual([0, 2]);
  const none = options({ prompts: file, target, offset: 1, limit: 1 });
  expect((await rejection(trace(none), "ERR_CONTEXT_FULL")).message).toContain("No prompt fits");
});

test.each([
  ["mode", { mode: "run" as never }],
  ["maxDraftTokens", { maxDraftTokens: 0 }],
  ["maxTokens", { maxTokens: 0 }],
  ["limit", { limit: 0 }],
  ["offset", { offset: -1 }],
  ["offset", { offset: 5 }],
  ["out", { out: "" }],
  ["prompts", { prompts: "" }],
  ["template", { template: "no mark" }],
  ["states", { states: 1 as never }],
  ["temperature", { temperature: -1 }],
  ["verifier", { verifier: "coupled" }],
  ["verifier", { verifier: "greedy" }],
  ["draft", { draft: undefined as never }],
  ["shards", { shards: 4 } as never],
] as [string, Partial<TraceOptions>][])("%s: %j is refused", async (name, wrong) => {
  expect((await rejection(trace(options(wrong)), "ERR_INVALID_ARGUMENT")).message).toContain(name);
});

test("the target as its own draft stays on the reply", async () => {
  const { out } = await trace(options({ draft: { path: demoTarget, threads }, limit: 2 }));
  for (const record of await records(out)) {
    expect(sum(record.accepted) / record.accepted.length).toBeGreaterThan(0.97);
    const off = record.ratio.filter((ratio) => Math.abs(ratio - 1) > 0.05);
    expect(off.length / record.ratio.length).toBeLessThan(0.03);
  }
});

test("rounds along walks accept as many tokens as real rounds do", async () => {
  const file = path.join(folder, "many.jsonl");
  writeFileSync(
    file,
    gsm8k
      .slice(0, 24)
      .map((prompt) => `${JSON.stringify({ prompt })}\n`)
      .join(""),
  );
  /** Tokens a round, and the variance of that. */
  const measure = async (mode: "walk" | "rounds"): Promise<[number, number]> => {
    const verifier = "rejection" as const; // whose law walks have
    const more = { prompts: file, mode, verifier, states: false, maxTokens: 120 };
    const prompts = (await records((await trace(options(more))).out)).map((record) => {
      const n = record.replyTokens.length;
      let rounds = 0;
      for (let start = 0; start < n; ++rounds) {
        const { from, count } = startRows(record, start);
        const room = Math.min(count, 120 - start - 1);
        let accepted = 0;
        while (accepted < room && record.accepted[from + accepted] === 1) accepted += 1;
        start += accepted + 1;
      }
      return { n, rounds };
    });
    const rounds = sum(prompts.map((each) => each.rounds));
    const ratio = sum(prompts.map(({ n }) => n)) / rounds;
    const squares = prompts.map((each) => (each.n - ratio * each.rounds) ** 2);
    return [ratio, sum(squares) / rounds ** 2];
  };
  const [walked, walkedVariance] = await measure("walk");
  const [real, realVariance] = await measure("rounds");
  const z = (walked - real) / Math.sqrt(walkedVariance + realVariance);
  console.info(`tokens a round: ${walked} along walks, ${real} in rounds, z ${z}`);
  expect(Math.abs(z)).toBeLessThan(4);
});
