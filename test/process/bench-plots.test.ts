import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type ChildResult, root, run } from "./child";

// The pictures of the benchmarks, of results made up here: what is known can be looked for in them.

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const conditions = {
  conditions: { processor: "Z80", cores: 1, system: "linux x64 6", node: "v20.1.0", llamaCpp: "0" },
};
const cell = { set: "gsm8k", ratio: "1:10", limit: 2, maxTokens: 10, threads: 1 };

/** Two texts of 10 tokens each, at each temperature, by how many milliseconds each took. */
function trials(millis: Record<string, number>, more: object): object[] {
  return [0, 1].flatMap((temperature) =>
    Object.entries(millis).map(([name, each]) => ({
      repetition: 0,
      cell: { ...cell, temperature, ...more },
      name,
      options: {},
      samples: [0, 1].map((prompt) => ({ prompt, generated: 10, millis: each })),
    })),
  );
}

function draw(kind: "rules" | "peers", lines: object[]): ChildResult {
  const file = path.join(folder, `${kind}.jsonl`);
  writeFileSync(file, [conditions, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(""));
  const none = path.join(folder, "none.jsonl");
  return run(process.execPath, [
    path.join(root, "bench", "plots.mjs"),
    ...["--rules", kind === "rules" ? file : none, "--peers", kind === "peers" ? file : none],
    ...["--out", folder],
  ]);
}

function picture(name: string): string {
  const svg = readFileSync(path.join(folder, name), "utf8");
  expect(svg).toMatch(/^<svg .*<style>@media \(prefers-color-scheme:dark\).*<\/svg>\s*$/s);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  return svg;
}

/** The texts of a picture, without what axes say. */
const texts = (svg: string): string[] => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map((m) => m[1]!);
const count = (svg: string, pattern: RegExp): number => svg.match(pattern)?.length ?? 0;
const blueBar = /<path [^>]*fill="#0969da"/g;
const greyBar = /<path [^>]*fill="#9198a1"/g;

const prices = {
  ratio: "1:10",
  draft: "demo",
  maxDraftTokens: 1,
  identity: {
    target: { description: "T" },
    draft: { description: "D" },
    machine: { processor: "Z80", cores: 1, devices: [] },
  },
  costs: [
    {
      contextLength: 64,
      draftStep: { micros: 100, low: 90, high: 110, samples: 9 },
      verify: [1000, 1500].map((micros) => ({ micros, low: micros, high: micros, samples: 9 })),
    },
  ],
};

test("rules have a bar each, the best fixed length one, and a line over all lengths", () => {
  const millis = { none: 100, "fixed:1": 50, "fixed:2": 80, expected: 40, throughput: 25 };
  const lines = [{ prices }, ...trials(millis, { draft: "demo", cold: false })];
  expect(draw("rules", lines)).toMatchObject({ status: 0, stderr: "" });

  const bars = picture("rules.svg");
  expect(count(bars, blueBar)).toBe(2); // throughput, at both temperatures
  expect(count(bars, greyBar)).toBe(4); // the best fixed length, and expected
  const labels = texts(bars);
  for (const label of ["K = 1, the best", "expected", "2.00", "2.50", "4.00"]) {
    expect(labels.filter((one) => one === label)).toHaveLength(2);
  }
  expect(labels).toContain("GSM8K, 1:10, temperature 0");
  expect(bars).toContain("Z80, 1 cores, linux x64, Node 20.1.0, llama.cpp 0");

  const lengths = picture("draft-length.svg");
  expect(count(lengths, /class="mark-line /g)).toBe(2);
  expect(texts(lengths).filter((one) => one === "plain decoding")).toHaveLength(2);
  expect(texts(lengths).filter((one) => one === "throughput")).toHaveLength(2);
  expect(picture("costs-1-10.svg")).toContain("T, drafted for by D");
});

test("a line goes from the shortest length to the longest, whichever ran first", () => {
  const millis = { "fixed:10": 50, "fixed:2": 80, none: 100, "fixed:1": 40 };
  expect(draw("rules", trials(millis, { draft: "demo", cold: false })).status).toBe(0);
  const svg = picture("draft-length.svg");
  const [, path = ""] = /class="mark-line .*?<path d="([^"]+)"/s.exec(svg) ?? [];
  const x = [...path.matchAll(/[ML](-?[\d.]+)[, ]/g)].map((match) => Number(match[1]));
  expect(x).toHaveLength(3);
  expect(x).toEqual([...x].sort((a, b) => a - b));
});

test("of each peer the fastest setting has a bar, over specdecpp's plain decoding", () => {
  const millis = {
    "specdecpp, plain": 100,
    "specdecpp, default": 40,
    "node-llama-cpp, plain": 125,
    "node-llama-cpp, 0…16, p ≥ 0.6, draft at T=0": 200,
    "llama.cpp, n_max 4, p_min 0": 80,
    "llama.cpp, n_max 8, p_min 0": 62.5,
  };
  const lines = [
    ...trials({ "llama.cpp, n_max 2, p_min 0": 10 }, { stage: "grid" }), // not compared by turns
    ...trials(millis, { stage: "final" }),
  ];
  expect(draw("peers", lines)).toMatchObject({ status: 0, stderr: "" });
  const bars = picture("peers.svg");
  expect(count(bars, blueBar)).toBe(2);
  expect(count(bars, greyBar)).toBe(6);
  for (const label of [
    "2.50",
    "1.60",
    "0.50",
    "0.80",
    "llama.cpp, tuned",
    "node-llama-cpp, tuned",
  ]) {
    expect(texts(bars).filter((one) => one === label)).toHaveLength(2);
  }
});

test("without results there are no pictures", () => {
  const none = path.join(folder, "none.jsonl");
  const args = ["--rules", none, "--peers", none, "--out", path.join(folder, "out")];
  const result = run(process.execPath, [path.join(root, "bench", "plots.mjs"), ...args]);
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(/There are no results/);
  expect(existsSync(path.join(folder, "out"))).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
