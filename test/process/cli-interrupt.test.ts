import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "./child";
import { cli, draft, json, RunningCli, target } from "./cli";

// A target slow enough that no text of it ends before it is interrupted.

let folder: string;
let slow: string[];

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const deep = path.join(folder, "deep.gguf");
  expect(cli(["deepen", target, deep, "--layers", "60"]).status).toBe(0);
  slow = [
    "generate",
    "--target",
    deep,
    "--draft",
    draft,
    "--threads",
    "1",
    "--context-size",
    "2048",
  ];
  slow.push("--prompt", "Once upon a time");
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Something that runs in the command line's process before it, with the library's `Engine` in reach. */
function preload(name: string, code: string): string {
  const file = path.join(folder, `${name}.cjs`);
  const library = JSON.stringify(path.join(root, "dist"));
  writeFileSync(file, `const { Engine } = require(${library});\n${code}`);
  return file;
}

/** Says on stderr when the first of the text is there: with --json, stdout has nothing until the end. */
const announcing = `
  const { stream } = Engine.prototype;
  Engine.prototype.stream = async function* (...args) {
    const chunks = stream.apply(this, args);
    for (;;) {
      const next = await chunks.next();
      if (next.done) return next.value;
      process.stderr.write("generating\\n");
      yield next.value;
    }
  };`;

/** Generates nothing and takes no notice of the signal. */
const stuck = `
  Engine.prototype.stream = async function* (prompt, { signal }) {
    signal.addEventListener("abort", () => process.stderr.write("aborted\\n"));
    process.stderr.write("generating\\n");
    await new Promise((resolve) => setTimeout(resolve, 1e9));
  };`;

test.each([
  ["SIGINT", 130, "interrupted"],
  ["SIGTERM", 143, "terminated"],
] as const)(
  "%s ends a text with exit code %i, and what there was is printed",
  async (signal, status, word) => {
    const running = new RunningCli(slow);
    await running.until("stdout", /./);
    running.kill(signal);
    expect(await running.end()).toEqual({ status, signal: null });
    expect(running.stderr).toBe(`specdecpp: ${word}\n`);
  },
);

test("Ctrl-C with --json prints the object with the text so far", async () => {
  const running = new RunningCli([...slow, "--json"], preload("announcing", announcing));
  await running.until("stderr", /generating/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: 130, signal: null });
  const output = json<{ text: string; tokens: number[]; finishReason: string }>(running);
  expect(output.finishReason).toBe("aborted");
  expect(output.text).not.toBe("");
  expect(output.tokens.length).toBeGreaterThan(0);
});

test("a second Ctrl-C ends a process that does not come to its end", async () => {
  const running = new RunningCli(slow, preload("stuck", stuck));
  await running.until("stderr", /generating/);
  running.kill("SIGINT");
  await running.until("stderr", /aborted/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: null, signal: "SIGINT" });
});
