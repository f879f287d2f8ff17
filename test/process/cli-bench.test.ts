import path from "node:path";
import type { RuleSpeed } from "../../lib/bench/report";
import { root } from "./child";
import { cli, json, pair } from "./cli";

// Claims about what it measures and prints, none about how fast that is.
const brief = ["bench", ...pair, "--max-tokens", "8", "--seconds", "3"];

/** More text than any processor generates in a second. */
const manyRules = Array.from({ length: 16 }, (_, i) => ["--rule", `fixed:${i + 1}`]).flat();

interface Result {
  prompts: number;
  texts: number;
  seed: number;
  rules: RuleSpeed[];
  advice: string;
}

test("--json has every rule beside plain decoding, of as many texts each as the time allowed", () => {
  const start = performance.now();
  const result = cli([
    ...brief,
    "--rule",
    "fixed:2",
    "--rule",
    "fixed:20",
    "--seed",
    "3",
    "--json",
  ]);
  expect((performance.now() - start) / 1000).toBeLessThan(3 + 20); // it ends by itself
  expect(result).toMatchObject({ status: 0, stderr: "" });
  const { rules, texts, prompts, seed, advice } = json<Result>(result);
  expect({ prompts, seed }).toEqual({ prompts: 8, seed: 3 });
  expect(texts).toBeGreaterThan(1);
  const [plain, two, twenty] = rules;
  expect(rules.map(({ rule }) => rule)).toEqual(["none", "fixed:2", "fixed:20"]);
  expect(plain).toMatchObject({ tokensPerPass: 1, meanDraft: 0 });
  expect(plain!.speedup).toEqual({ value: 1, low: 1, high: 1 });
  expect(two!.tokensPerPass).toBeGreaterThan(1);
  expect(twenty!.meanDraft).toBeGreaterThan(two!.meanDraft);
  for (const { tokensPerSecond, speedup } of rules) {
    expect(tokensPerSecond.low).toBeLessThanOrEqual(tokensPerSecond.value);
    expect(speedup.low).toBeLessThanOrEqual(speedup.value);
    expect(speedup.high).toBeGreaterThanOrEqual(speedup.value);
  }
  expect(two!.speedup.value).toBeCloseTo(two!.tokensPerSecond.value / plain!.tokensPerSecond.value);
  expect(advice).toMatch(/^(Use|Do without|This draft|So few)/);
});

test("the table has a line for each of the usual rules, the head's too, and ends in the advice", () => {
  const head = path.join(root, "models/demo/head.gguf");
  const { status, stdout, stderr } = cli([...brief, "--temperature", "1", "--head", head]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^ +tokens\/s +speedup +tokens per pass +accepted +mean K\nnone /);
  for (const rule of ["fixed:2", "fixed:4", "fixed:8", "expected", "head:0.7"]) {
    expect(stdout).toMatch(new RegExp(`^${rule} +\\d.* +\\d\\.\\d\\d.* (\\d+ %|-) +\\d`, "m"));
  }
  expect(stdout).toMatch(
    /\n\d+ texts? of each rule, by turns, from 8 prompts, at temperature 1, .*\n\n.*\.\n$/,
  );
});

test.each([
  [["--seconds", "0"], /--seconds must be a number, 1 to 86400/],
  [
    ["--rule", "fixed:100"],
    /K of the rule "fixed:K" must be a whole number, 1 to 64, but is "100"/,
  ],
  [["--rule", "frob"], /the rule must be one of none, fixed:K, /],
  [["--template", "{promt}"], /template must be a text with "{prompt}" in it/],
  [["--rule", "fixed:none"], /K of .*"fixed:K" must be a whole number/],
  [["--max-tokens", "500"], /No prompt leaves room for 500 tokens in a context of 512/],
  [
    [...["--seconds", "1", "--max-tokens", "300"], ...manyRules],
    /Not all rules could generate a text within 1 seconds/,
  ],
])("%p is wrong usage", (args, message) => {
  const { status, stdout, stderr } = cli(["bench", ...pair, ...args]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(message);
});

test("prompts that are not there are an error", () => {
  const { status, stderr } = cli([...brief, "--prompts", "no.jsonl"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/ERR_FILE_NOT_FOUND.*no\.jsonl/);
});
