// `specdecpp trace` as a process: killed at any time, on a full disk, with what is no file of prompts.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readTrace, type TraceRecord } from "../../lib";
import { gsm8k } from "../support/demo";
import { run } from "./child";
import { cli, json, onTerminal, pair, RunningCli } from "./cli";

let folder: string;
let prompts: string;

/** Two shards of sixteen, and one of four. */
const count = 36;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  prompts = path.join(folder, "prompts.jsonl");
  const lines = gsm8k.slice(0, count).map((prompt) => `${JSON.stringify({ prompt })}\n`);
  writeFileSync(prompts, lines.join(""));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string): string => path.join(folder, name);

function command(out: string, ...more: string[]): string[] {
  const sampling = ["--temperature", "1", "--seed", "5"];
  const size = ["--max-tokens", "24", "--max-draft", "8"];
  return ["trace", ...pair, "--prompts", prompts, "--out", out, ...sampling, ...size, ...more];
}

/** Of every file. */
function contents(out: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(out).map((name) => [
      name,
      createHash("sha256").update(readFileSync(path.join(out, name))).digest("hex"),
    ]),
  );
}

async function read(out: string): Promise<TraceRecord[]> {
  const all: TraceRecord[] = [];
  for await (const record of readTrace(out)) all.push(record);
  return all;
}

let whole: string;
let wholeMillis: number;

beforeAll(() => {
  whole = inFolder("whole");
  const start = performance.now();
  expect(cli(command(whole))).toMatchObject({ status: 0 });
  wholeMillis = performance.now() - start;
});

test("tells what it will take and what it has done", () => {
  const result = cli(command(inFolder("small"), "--limit", "2", "--json"));
  expect(result.status).toBe(0);
  expect(result.stderr).toMatch(/The trace will take about .* if replies have their full length; .* are free\./);
  expect(result.stderr).toMatch(/2 prompts, .* rows, .* tokens\/s/);
  expect(json(result)).toMatchObject({ out: inFolder("small"), prompts: 2, skipped: 0 });
});

test("a terminal gets a bar with the rate and the time left", () => {
  const result = onTerminal(command(inFolder("terminal")));
  expect(result.status).toBe(0);
  expect(result.stdout).toMatch(/\d+ of 36 prompts, \d+ tokens\/s, .* left/);
});

test("killed twenty times and called again, a trace ends with the bytes of one that was not", async () => {
  const out = inFolder("killed");
  let seed = Number(process.env.SPECDECPP_TEST_SEED ?? Date.now() % 2 ** 31);
  console.info(`SPECDECPP_TEST_SEED=${seed}`);
  const random = (): number => (seed = (seed * 48271) % (2 ** 31 - 1)) / (2 ** 31 - 1);
  const shards = new Set<number>();
  let kills = 0;
  for (let i = 0; i < 20; ++i) {
    if (i % 5 === 0) rmSync(out, { recursive: true, force: true }); // else it is complete before long
    const running = new RunningCli(command(out));
    const timer = setTimeout(
      () => {
        running.kill("SIGKILL");
      },
      random() * wholeMillis * 1.1,
    );
    const { signal } = await running.end();
    clearTimeout(timer);
    if (signal === "SIGKILL") kills += 1;
    if (!existsSync(path.join(out, "header.json"))) continue;
    const prompts = await read(out); // what is there can be read
    shards.add(prompts.length);
    expect(prompts.map(({ prompt }) => prompt)).toEqual(prompts.map((_, index) => index));
    if (i % 5 === 4) {
      expect(cli(command(out))).toMatchObject({ status: 0 });
      expect(contents(out)).toEqual(contents(whole));
    }
  }
  console.info(`${kills} kills; prompts in complete shards after them: ${[...shards].join(", ")}`);
  expect(kills).toBeGreaterThan(5);
}, 300_000);

test("killed while files are put in place, over and over, a trace ends with the same bytes", () => {
  // Every call of a file system function that changes something ends the process, one after the other.
  const out = inFolder("steps");
  const preload = inFolder("die-at.cjs");
  writeFileSync(
    preload,
    `const fs = require("node:fs/promises");
     let left = Number(process.env.STEPS);
     const step = () => { if (--left < 0) process.kill(process.pid, "SIGKILL"); };
     const { open, rename } = fs;
     fs.rename = async (...args) => { step(); await rename(...args); step(); };
     fs.open = async (...args) => {
       const handle = await open(...args);
       if (String(args[0]).startsWith(process.env.OUT)) {
         step();
         const { appendFile, sync } = handle;
         handle.appendFile = async (bytes) => {
           step();
           if (left === 0) { await appendFile.call(handle, bytes.subarray?.(0, 7) ?? bytes.slice(0, 7)); step(); }
           return appendFile.call(handle, bytes);
         };
         handle.sync = () => { step(); return sync.call(handle); };
       }
       return handle;
     };`,
  );
  const args = ["--require", preload, path.join(__dirname, "../../dist/cli/cli.mjs")];
  let ends = 0;
  for (let steps = 0; steps < 40 && ends === 0; ++steps) {
    const env = { ...process.env, STEPS: String(steps + 4), OUT: out };
    rmSync(out, { recursive: true, force: true });
    const small = command(out, "--limit", "2", "--no-states");
    const { status } = run(process.execPath, [...args, ...small], env);
    if (status === 0) ends += 1;
    if (existsSync(path.join(out, "header.json"))) {
      expect(cli(command(out, "--limit", "2", "--no-states")).status).toBe(0);
      if (!existsSync(inFolder("steps-whole"))) {
        cli(command(inFolder("steps-whole"), "--limit", "2", "--no-states"));
      }
      expect(contents(out)).toEqual(contents(inFolder("steps-whole")));
    }
  }
  expect(ends).toBe(1);
}, 300_000);

test("Ctrl-C keeps complete shards and says how to go on", async () => {
  const out = inFolder("interrupted");
  const running = new RunningCli(command(out));
  await running.until("stderr", /will take/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: 130, signal: null });
  expect(running.stderr).toContain("the same command goes on from there");
  expect(readdirSync(out).filter((name) => name.endsWith(".partial"))).toEqual([]);
  expect(cli(command(out)).status).toBe(0);
  expect(contents(out)).toEqual(contents(whole));
});

test("a full disk is an error with a remedy; complete shards stay, and the rest comes with room", async () => {
  const disk = inFolder("disk");
  mkdirSync(disk);
  const bytes = readdirSync(whole).reduce((sum, name) => sum + readFileSync(path.join(whole, name)).length, 0);
  // Room for the first shard and some of the second.
  const mounted = run("mount", ["-t", "tmpfs", "-o", `size=${Math.ceil(bytes * 0.6)}`, "none", disk]);
  if (mounted.status !== 0) {
    console.warn(`not tested, no tmpfs can be mounted here: ${mounted.stderr}`);
    return;
  }
  try {
    const out = path.join(disk, "trace");
    const result = cli(command(out));
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("ERR_WRITE");
    expect(result.stderr).toContain("the same command goes on from there");
    expect(result.stderr).toContain("Warning: that may not fit on the disk.");
    const records = await read(out);
    expect(records.length).toBeGreaterThan(0);
    expect(records.length).toBeLessThan(count);
    expect(run("mount", ["-o", "remount,size=100m", disk]).status).toBe(0);
    expect(cli(command(out)).status).toBe(0);
    expect(contents(out)).toEqual(contents(whole));
  } finally {
    run("umount", [disk]);
  }
});

test("other options on the same folder are refused", () => {
  const result = cli(command(whole).map((word) => (word === "8" ? "9" : word)));
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("ERR_TRACE_MISMATCH");
  expect(result.stderr).toContain("maxDraft is 8 there and 9 here");
});

test.each([
  ["no such file", "none.jsonl", undefined, 1, "ERR_FILE_NOT_FOUND"],
  ["an empty file", "empty.jsonl", "", 2, "it has no prompts"],
  ["a line that is not JSON", "bad.jsonl", '{"prompt":"a"}\n{oops\n', 2, "bad.jsonl, line 2: it is not JSON"],
])("%s as prompts is an error", (_, name, content, status, message) => {
  if (content !== undefined) writeFileSync(inFolder(name), content);
  const result = cli(["trace", ...pair, "--prompts", inFolder(name), "--out", inFolder("never")]);
  expect(result).toMatchObject({ status, stdout: "" });
  expect(result.stderr).toContain(message);
  expect(existsSync(inFolder("never"))).toBe(false);
});

test.each([
  [["--template", "x"], '--template must be a text with "{prompt}"'],
  [["--chat", "--template", "{prompt}"], "mutually exclusive"],
  [["--mode", "fast"], "Invalid values"],
  [["--max-draft", "0"], "--max-draft"],
  [["--offset", "99"], "36 prompts"],
])("%j is wrong usage", (more, message) => {
  const base = ["trace", ...pair, "--prompts", prompts, "--out", inFolder("never")];
  const result = cli([...base, ...more]);
  expect(result.status).toBe(2);
  expect(result.stderr).toContain(message);
});

test("--chat is the template of the embedded pair", () => {
  const file = inFolder("questions.txt");
  writeFileSync(file, "How many apples?\n");
  const base = ["trace", ...pair, "--prompts", file, "--max-tokens", "8"];
  expect(cli([...base, "--out", inFolder("chat"), "--chat"]).status).toBe(0);
  const template = ["--template", "<|user|>{prompt}<|assistant|>"];
  expect(cli([...base, "--out", inFolder("template"), ...template]).status).toBe(0);
  expect(contents(inFolder("chat"))).toEqual(contents(inFolder("template")));
});
