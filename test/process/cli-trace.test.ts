// `specdecpp trace` as a process: killed at any time, on a full disk, with what is no file of prompts.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readTrace, type TraceRecord } from "../../lib";
import { demoDraft, demoTarget, gsm8k } from "../support/demo";
import { root, run } from "./child";
import { cli, json, onTerminal, pair, RunningCli, shell } from "./cli";
import { mountDisk } from "./disk";

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
  const models = ["--target", demoTarget, "--draft", demoDraft, "--threads", "1"];
  const sampling = ["--temperature", "1", "--seed", "5"];
  const size = ["--max-tokens", "24", "--max-draft", "8"];
  return ["trace", ...models, "--prompts", prompts, "--out", out, ...sampling, ...size, ...more];
}

/** Of every file. */
function contents(out: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(out).map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(path.join(out, name)))
        .digest("hex"),
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
  expect(result.stderr).toMatch(
    /The trace will take about .*, less where replies end before they have all tokens; .* are free\./,
  );
  expect(result.stderr).toMatch(/2 prompts, .* rows, .* tokens\/s/);
  expect(json(result)).toMatchObject({ out: inFolder("small"), prompts: 2, skipped: 0 });
});

test("a terminal gets a bar with the rate and the time left", () => {
  // All prompts: a bar has to be due, also on a fast machine.
  const result = onTerminal(command(inFolder("terminal")));
  expect(result.status).toBe(0);
  expect(result.stdout).toMatch(/\d+ of 36 prompts, \d+ tokens\/s, [^,]* of about [^,]*, .* left/);
});

/** Kills at random moments, and whether every step of writing is one: `npm run test:kills` has 20, and all. */
const kills = Number(process.env.SPECDECPP_KILLS ?? 3);
const stride = process.env.SPECDECPP_KILLS === undefined ? 2 : 1;

test("killed again and again and called again, a trace ends with the bytes of one that was not", async () => {
  const out = inFolder("killed");
  const seed = Number(process.env.SPECDECPP_TEST_SEED ?? Date.now() % 2 ** 31);
  console.info(`SPECDECPP_TEST_SEED=${seed}`);
  let state = seed;
  const random = (): number => (state = (state * 48271) % (2 ** 31 - 1)) / (2 ** 31 - 1);
  const complete: number[] = []; // prompts that were, after each kill
  let ends = 0;
  while (complete.length < kills) {
    const running = new RunningCli(command(out));
    const kill = (): void => {
      running.kill("SIGKILL");
    };
    const timer = setTimeout(kill, random() * wholeMillis);
    const { status, signal } = await running.end();
    clearTimeout(timer);
    const prompts = existsSync(path.join(out, "header.json")) ? await read(out) : [];
    expect(prompts.map(({ prompt }) => prompt)).toEqual(prompts.map((_, index) => index));
    if (signal === "SIGKILL") {
      complete.push(prompts.length);
      // The next is to write at once, not to wait until this one counts as dead.
      rmSync(path.join(out, "writer.lock"), { recursive: true, force: true });
      continue;
    }
    expect(status).toBe(0);
    expect(contents(out)).toEqual(contents(whole));
    rmSync(out, { recursive: true });
    ends += 1;
  }
  expect(cli(command(out))).toMatchObject({ status: 0 });
  expect(contents(out)).toEqual(contents(whole));
  console.info(
    `complete after each kill: ${complete.join(", ")}; came to an end ${ends + 1} times`,
  );
}, 300_000);

test("killed at steps of writing and called again, a trace ends with the same bytes", () => {
  const library = JSON.stringify(path.join(root, "dist", "trace", "writer.js"));
  const script = `
    const fs = require("node:fs/promises");
    let left = Number(process.env.STEPS);
    const step = () => { if (--left < 0) process.kill(process.pid, "SIGKILL"); };
    for (const name of ["rename", "rm", "mkdir"]) {
      const original = fs[name];
      fs[name] = async (...args) => { step(); const result = await original(...args); step(); return result; };
    }
    const { open } = fs;
    fs.open = async (...args) => {
      step();
      const handle = await open(...args);
      const { appendFile, sync } = handle;
      handle.appendFile = async (content) => {
        step();
        await appendFile.call(handle, content.slice(0, 3));
        step();
        return appendFile.call(handle, content.slice(3));
      };
      handle.sync = () => { step(); return sync.call(handle); };
      return handle;
    };
    const { TraceWriter } = require(${library});
    (async () => {
      const writer = await TraceWriter.open(process.env.OUT, { format: 1, mode: "walk", seed: 1 });
      for (let prompt = writer.next ?? 0; prompt < 3; ++prompt) {
        await writer.add(new Uint8Array(100).fill(prompt), 1);
        await writer.finishShard(prompt, prompt + 1);
      }
    })();`;
  const write = (out: string, steps: number): number | null =>
    run(process.execPath, ["-e", script], { ...process.env, OUT: out, STEPS: String(steps) })
      .status;
  const [plain, out] = [inFolder("steps-plain"), inFolder("steps")];
  expect(write(plain, 1e9)).toBe(0);
  let steps = 0;
  for (; write(out, steps) !== 0; steps += stride) {
    if (steps % 3 !== 2)
      expect(write(out, 1e9)).toBe(0); // now and then killed twice, a step apart
    else write(out, steps + 1);
    expect(write(out, 1e9)).toBe(0);
    expect(contents(out)).toEqual(contents(plain));
    rmSync(out, { recursive: true });
  }
  console.info(`${steps} steps`);
  expect(steps).toBeGreaterThan(30);
}, 300_000);

test("Ctrl-C keeps complete shards and says how to go on", async () => {
  const out = inFolder("interrupted");
  const running = new RunningCli(command(out));
  await running.until("stderr", /will take/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: 130, signal: null });
  expect(running.stderr).toContain("the same command goes on from there");
  expect(readdirSync(out).filter((name) => /partial|lock/.test(name))).toEqual([]);
  expect(cli(command(out)).status).toBe(0);
  expect(contents(out)).toEqual(contents(whole));
});

test("a full disk is an error with a remedy; complete shards stay, and the rest comes with room", async () => {
  const disk = inFolder("disk");
  const bytes = readdirSync(whole).reduce(
    (sum, name) => sum + readFileSync(path.join(whole, name)).length,
    0,
  );
  // Room for the first shard and some of the second.
  if (!mountDisk(disk, Math.ceil(bytes * 0.6))) return;
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

test("a file that may not grow is an error with a remedy, and the trace goes on without the limit", async () => {
  const out = inFolder("limited");
  const words = ["$CLI", ...command(out).map((word) => `'${word}'`)];
  const result = shell(`ulimit -f 100; ${words.join(" ")}`); // 100 KiB: not even one shard
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("ERR_WRITE");
  expect(await read(out)).toEqual([]);
  expect(cli(command(out)).status).toBe(0);
  expect(contents(out)).toEqual(contents(whole));
});

test("other options on the same folder are refused", () => {
  const result = cli(command(whole).map((word) => (word === "8" ? "9" : word)));
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("ERR_TRACE_MISMATCH");
  expect(result.stderr).toContain("--max-draft is 8 there and 9 here");
});

test.each([
  ["no such file", "none.jsonl", undefined, 1, "ERR_FILE_NOT_FOUND"],
  ["an empty file", "empty.jsonl", "", 2, "it has no prompts"],
  [
    "a line that is not JSON",
    "bad.jsonl",
    '{"prompt":"a"}\n{oops\n',
    2,
    "bad.jsonl, line 2: it is not JSON",
  ],
])("%s as prompts is an error", (_, name, content, status, message) => {
  if (content !== undefined) writeFileSync(inFolder(name), content);
  const result = cli(["trace", ...pair, "--prompts", inFolder(name), "--out", inFolder("never")]);
  expect(result).toMatchObject({ status, stdout: "" });
  expect(result.stderr).toContain(message);
  expect(existsSync(inFolder("never"))).toBe(false);
});

test.each([
  [["--template", "x"], 'template must be a text with "{prompt}"'],
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
