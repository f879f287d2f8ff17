import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { evaluate, root } from "./child";

// The file that results go to, of which a run that was cut off goes on.

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  file = path.join(folder, "results.jsonl");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs two cells of two settings, twice each; returns what was run, as "cell setting seed". */
function runAll(failAt = ""): unknown {
  const module = (name: string) => JSON.stringify(path.join(root, "bench", name));
  return evaluate(`
    const { Record } = await import(${module("record.mjs")});
    const { runCells } = await import(${module("trials.mjs")});
    const record = new Record(${JSON.stringify(file)});
    const ran = [];
    const cells = ["a", "b"].map((set) => ({
      cell: { set },
      settings: ["x", "y"].map((name) => ({ name, options: {} })),
      run: ({ name }, seed) => {
        ran.push([set, name, seed].join(" "));
        if (ran.at(-1) === ${JSON.stringify(failAt)}) throw new Error("cut off");
        return { samples: [{ prompt: 0, generated: 1, millis: 1 }] };
      },
    }));
    try {
      runCells(cells, 2, record);
    } catch {}
    return ran;`);
}

const all = ["a", "b"].flatMap((set) =>
  ["x", "y"].flatMap((name) => [0, 10_000].map((seed) => `${set} ${name} ${seed}`)),
);
const lines = (): string[] => readFileSync(file, "utf8").trim().split("\n");

test("every setting of every cell runs in each repetition, those of a cell together, with its seed", () => {
  const ran = runAll() as string[];
  expect([...ran].sort()).toEqual([...all].sort());
  expect(ran.map((each) => `${each[0]}${each.slice(4)}`)).toEqual([
    "a0",
    "a0",
    "b0",
    "b0",
    "a10000",
    "a10000",
    "b10000",
    "b10000",
  ]);
});

test("a run that was cut off goes on: what is finished is not run again", () => {
  const first = runAll("b x 0") as string[];
  const finished = first.slice(0, -1);
  const second = runAll() as string[];
  expect([...finished, ...second].sort()).toEqual([...all].sort());
  expect(runAll()).toEqual([]);
});

test("a line that was cut off counts as not there", () => {
  runAll();
  const [last = ""] = lines().slice(-1);
  writeFileSync(file, readFileSync(file, "utf8").slice(0, -last.length / 2));
  const { name, cell } = JSON.parse(last) as { name: string; cell: { set: string } };
  expect(runAll()).toEqual([`${cell.set} ${name} 10000`]);
  expect(runAll()).toEqual([]);
});

test("results of another commit are not gone on with", () => {
  runAll();
  const [first = "", ...rest] = lines();
  const { conditions } = JSON.parse(first) as { conditions: object };
  const other = JSON.stringify({ conditions: { ...conditions, commit: "0" } });
  writeFileSync(file, `${[other, ...rest].join("\n")}\n`);
  const { message } = runAll() as { message: string };
  expect(message).toMatch(/results of another commit.*--out/);
});
