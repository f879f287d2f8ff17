// `specdecpp train` as a process, from a small trace to a head that replay and generate take.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { ReplayResult, TrainHeadResult } from "../../lib";
import { gsm8k } from "../support/demo";
import { cli, draft, json, pair, RunningCli, target } from "./cli";

let folder: string;
const inFolder = (name: string): string => path.join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const lines = gsm8k.slice(0, 12).map((prompt) => `${JSON.stringify({ prompt })}\n`);
  writeFileSync(inFolder("prompts.jsonl"), lines.join(""));
  const size = ["--max-tokens", "24", "--max-draft", "8"];
  const prompts = ["--prompts", inFolder("prompts.jsonl"), "--out", inFolder("walks")];
  expect(cli(["trace", ...pair, ...prompts, ...size])).toMatchObject({ status: 0 });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const command = (out: string, ...more: string[]): string[] => [
  ...["train", "--trace", inFolder("walks"), "--out", out, "--threads", "1"],
  ...["--hidden", "8", "--token-columns", "4", "--epochs", "2", ...more],
];

test("trains a head, tells of it, draws it, and the head is taken by inspect, replay and generate", () => {
  const head = inFolder("head.gguf");
  const pictures = ["reliability", "curve"].map((name) => inFolder(`${name}.svg`));
  const svg = ["--reliability-svg", pictures[0]!, "--curve-svg", pictures[1]!];
  const result = cli(command(head, ...svg, "--json"));
  expect(result.status).toBe(0);
  expect(result.stderr).toMatch(/learn from .* draft steps of 10 prompts; 1 prompts say when/);
  expect(result.stderr).toMatch(/Epoch 2: loss .* newest: KL/);
  const { outputs, epochs } = json<TrainHeadResult>(result);
  expect(Object.keys(outputs)).toEqual(["older", "before", "newest"]);
  expect(epochs).toHaveLength(2);
  for (const picture of pictures) {
    expect(readFileSync(picture, "utf8")).toMatch(/^<svg[^>]*>[^]*prefers-color-scheme:dark/);
  }
  expect(cli(["inspect", target, draft, head]).stdout).toMatch(/head\.gguf was made for them/);
  const replayed = cli([
    ...["replay", "--trace", inFolder("walks"), "--costs", "paper", "--json"],
    ...["--head", head, "--rule", "head:0.5"],
  ]);
  expect(json<ReplayResult>(replayed).rules[0]!.rule).toBe("head:0.5");
  const text = ["--prompt", gsm8k[0]!, "--max-tokens", "8", "--stop", "head:0.5"];
  expect(cli(["generate", ...pair, ...text, "--head", head])).toMatchObject({ status: 0 });
});

test("interrupted, it keeps a checkpoint and says how to go on; the same command does", async () => {
  const out = inFolder("interrupted.gguf");
  const long = command(out, "--epochs", "200", "--patience", "200").filter(
    (word, i, all) => !(word === "--epochs" && all[i + 1] === "2") && !(word === "2"),
  );
  const running = new RunningCli(long);
  await running.until("stderr", /Epoch 2:/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: 130, signal: null });
  expect(running.stderr).toMatch(/interrupted\.gguf\.checkpoint has \d+ epochs; the same command/);
  expect(existsSync(out)).toBe(false);
  const again = cli(long);
  expect(again.status).toBe(0);
  expect(again.stderr).toMatch(/Goes on after epoch \d+\./);
  expect(existsSync(out)).toBe(true);
});

test.each<[string, string[], number, RegExp]>([
  ["a head that exists", ["--out", target], 1, /ERR_WRITE: .* exists/],
  ["no trace", ["--trace", "nowhere"], 1, /ERR_FILE_NOT_FOUND: There is no trace in nowhere/],
  ["a depth that is none", ["--depth", "9"], 2, /depth must be a whole number, 0 to 4/],
])("refused: %s", (_, more, status, reason) => {
  const given = Object.fromEntries([
    ["--trace", inFolder("walks")],
    ["--out", inFolder("x.gguf")],
  ]);
  const words = Object.entries({ ...given, [more[0]!]: more[1]! }).flat();
  const result = cli(["train", ...words]);
  expect(result).toMatchObject({ status, stdout: "" });
  expect(result.stderr).toMatch(reason);
});

test("refused: a rule that asks a head, without one", () => {
  const result = cli(["generate", ...pair, "--prompt", "x", "--stop", "head:0.5"]);
  expect(result).toMatchObject({ status: 2, stdout: "" });
  expect(result.stderr).toMatch(/asks an acceptance head, and there is none/);
});
