import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { run } from "./child";

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
