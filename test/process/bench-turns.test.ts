import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { evaluate, root, run } from "./child";

// The same rules in a process each and by turns in one, at temperature 0: their texts are as long.

interface Trial {
  name: string;
  repetition: number;
  samples: { prompt: number; generated: number; passes: number }[];
}

const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-bench-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function bench(...more: string[]): { stdout: string; trials: Trial[] } {
  const out = path.join(folder, `results-${String(more.length)}.jsonl`);
  const grid = ["--quick", "--rules", "none,fixed:2,fixed:3", "--temperatures", "0", "--out", out];
  const { status, stdout } = run(process.execPath, ["bench/main.mjs", ...grid, ...more]);
  expect(status).toBe(0);
  const lines = readFileSync(out, "utf8").trim().split("\n");
  const notes = lines.map((line) => JSON.parse(line) as Partial<Trial>);
  return { stdout, trials: notes.filter((note): note is Trial => note.samples !== undefined) };
}

/** What each rule did, in an order that does not depend on when it ran. */
const done = (trials: Trial[]): unknown[] =>
  trials
    .map(({ name, repetition, samples }) => {
      const counts = samples.map(({ prompt, generated, passes }) => [prompt, generated, passes]);
      return JSON.stringify({ name, repetition, counts });
    })
    .sort();

test("rules by turns in one process do what they do in one each, and the table has all of them", () => {
  const { trials } = bench();
  const { trials: turns, stdout } = bench("--turns");
  expect(trials).toHaveLength(6); // 3 rules, 2 repetitions
  expect(done(turns)).toEqual(done(trials));
  for (const { samples } of turns) expect(samples.map(({ prompt }) => prompt)).toEqual([0, 1, 2]);
  expect(stdout).toMatch(/^\| none .*\n\| fixed:2 .*\n\| fixed:3 /m);
});

test("generators take turns at each prompt, in orders that differ", () => {
  const calls = evaluate(`
    const { timed } = await import(${JSON.stringify(path.join(root, "bench", "timed.mjs"))});
    const calls = [];
    const generator = (name) => async (prompt, i) => {
      calls.push([prompt, i, name].join(" "));
      return { generated: 1, millis: 1 };
    };
    await timed(["p", "q", "r", "s", "t", "u"], [generator("A"), generator("B")], 0);
    return calls;`) as string[];
  const firsts = calls.filter((_, i) => i % 2 === 0).map((call) => call.at(-1));
  expect(new Set(firsts)).toEqual(new Set(["A", "B"]));
  expect(calls.map((call) => call.slice(0, 3))).toEqual(
    ["p 0", "q 1", "r 2", "s 3", "t 4", "u 5"].flatMap((call) => [call, call]),
  );
  expect(new Set(calls).size).toBe(12);
});
