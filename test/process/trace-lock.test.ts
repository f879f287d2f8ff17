// Processes that write to one trace's folder.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { lockFolder } from "../../lib/trace/lock";
import { gsm8k } from "../support/demo";
import { root } from "./child";
import { cli, pair, RunningCli } from "./cli";

let folder: string;
let held: string;
let whole: Record<string, string>;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const lines = gsm8k.slice(0, 3).map((prompt) => `${JSON.stringify({ prompt })}\n`);
  writeFileSync(path.join(folder, "prompts.jsonl"), lines.join(""));
  held = path.join(folder, "held.cjs");
  writeFileSync(held, holding);
  expect(cli(command(inFolder("whole"))).status).toBe(0);
  whole = contents(inFolder("whole"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string): string => path.join(folder, name);

function command(out: string): string[] {
  const size = ["--max-tokens", "8", "--max-draft", "4"];
  return ["trace", ...pair, "--prompts", inFolder("prompts.jsonl"), "--out", out, ...size];
}

function contents(out: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(out).map((name) => [name, readFileSync(path.join(out, name), "base64")]),
  );
}

/** Comes to a halt with a record of its first shard on the disk, until something is typed. */
const holding = `
  const { TraceWriter } = require(${JSON.stringify(path.join(root, "dist/trace/writer.js"))});
  const { add } = TraceWriter.prototype;
  TraceWriter.prototype.add = async function (...args) {
    await add.apply(this, args);
    TraceWriter.prototype.add = add;
    process.once("SIGINT", () => process.stderr.write("noticed\\n"));
    process.stderr.write("holding\\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
  };`;

/** A process that writes to the folder and has come to the halt. */
async function writerOf(out: string): Promise<RunningCli> {
  const running = new RunningCli(command(out), held);
  await running.until("stderr", /holding/);
  return running;
}

test("a second writer is refused, and the first ends as if there had been none", async () => {
  const out = inFolder("two");
  const first = await writerOf(out);
  const second = cli(command(out));
  expect(second).toMatchObject({ status: 1, stdout: "" });
  expect(second.stderr).toBe(
    `specdecpp: ERR_BUSY: The trace ${out} is being written, by another process or by another call. Wait until that has ended, or give another folder.\n`,
  );
  first.type("go on\n");
  expect(await first.end()).toEqual({ status: 0, signal: null });
  expect(contents(out)).toEqual(whole);
});

test("a trace whose folder is held is read as any other", async () => {
  const lock = await lockFolder(inFolder("whole"));
  const replay = cli([
    "replay",
    "--trace",
    inFolder("whole"),
    "--costs",
    "1:10",
    "--rule",
    "fixed:2",
  ]);
  expect(replay).toMatchObject({ status: 0 });
  expect(readdirSync(inFolder("whole"))).toContain("writer.lock");
  await lock[Symbol.asyncDispose]();
});

test("a writer that was killed does not keep the next from going on", async () => {
  const out = inFolder("killed");
  const killed = await writerOf(out);
  killed.kill("SIGKILL");
  expect(await killed.end()).toEqual({ status: null, signal: "SIGKILL" });
  expect(readdirSync(out)).toContain("writer.lock");
  const next = cli(command(out));
  expect(next).toMatchObject({ status: 0 });
  expect(contents(out)).toEqual(whole);
});

test("a second Ctrl-C, which ends a writer that does not come to its end, gives the folder back", async () => {
  const out = inFolder("interrupted");
  const writer = await writerOf(out);
  writer.kill("SIGINT");
  await writer.until("stderr", /noticed/);
  writer.kill("SIGINT");
  expect(await writer.end()).toEqual({ status: null, signal: "SIGINT" });
  expect(readdirSync(out)).not.toContain("writer.lock");
});
