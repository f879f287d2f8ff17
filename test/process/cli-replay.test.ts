import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { CalibrationResult } from "../../lib";
import type { ReplayResult } from "../../lib/replay/replay";
import { modelFingerprint } from "../../lib/trace/fingerprint";
import { syntheticTrace, writeTrace } from "../unit/replay/traces";
import { type ChildResult, evaluate } from "./child";
import { cli, draft, json, pair, target } from "./cli";

let folder: string;
let trace: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  trace = path.join(folder, "walks");
  await writeTrace(trace, syntheticTrace({ prompts: 6, replyTokens: 40 }));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string): string => path.join(folder, name);
const onTrace = (...args: string[]): string[] => ["replay", "--trace", trace, ...args];

test("prints the marks, and each rule's best and default, with intervals below", () => {
  const { status, stdout, stderr } = cli(onTrace("--costs", "paper"));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(
    /^target\.gguf, drafted for by draft\.gguf, rejection\n6 prompts, 240 tokens, /,
  );
  expect(stdout).toContain(
    "Prices (paper): a draft step 23 ms, a pass 108 ms, with 20 drafted 108 ms",
  );
  const lines = stdout.split("\n");
  const columns = lines.find((line) => line.includes("tokens/s"));
  expect(columns).toMatch(
    /tokens\/s +speed-up +over best K +of oracle +of gap +discarded +passes +mean K$/,
  );
  expect(lines.find((line) => line.startsWith("none "))).toMatch(/plain +9\.3 +1\.00 /);
  for (const name of [
    "fixed:",
    "schedule:",
    "confidence:",
    "logistic:",
    "expected",
    "true a known",
    "oracle",
  ]) {
    const at = lines.findIndex((line) => line.startsWith(name));
    expect(at).toBeGreaterThan(0);
    expect(lines[at + 1]).toMatch(/^ +[\d.]+…[\d.]+ /);
  }
  expect(lines.filter((line) => line.startsWith("confidence:")).length).toBeLessThanOrEqual(2);
});

test("--json has every figure, and repeats", () => {
  const args = onTrace(
    "--costs",
    "1:10",
    "--rule",
    "confidence:0.5",
    "--rule",
    "schedule",
    "--json",
  );
  const result = cli(args);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  const { trace: told, prices, rules, sweeps, bestFixed, oracle } = json<ReplayResult>(result);
  expect(told).toMatchObject({ target: "target.gguf", prompts: 6, tokens: 240, maxDraft: 20 });
  expect(prices).toEqual({ draftStepMicros: 1000, verifyMicros: [10_000] });
  expect(rules.map(({ rule }) => rule)).toEqual(["confidence:0.5", "schedule:5"]);
  expect(sweeps).toEqual([]);
  const { value, low, high } = rules[0]!.gain;
  expect(low).toBeLessThanOrEqual(value);
  expect(high).toBeGreaterThanOrEqual(value);
  expect(oracle.tokensPerSecond.value).toBeGreaterThan(bestFixed.tokensPerSecond.value);
  expect(cli(args).stdout).toBe(result.stdout);
});

test("--sweep has a line for each parameter", () => {
  const { status, stdout } = cli(
    onTrace("--costs", "paper", "--sweep", "fixed", "--max-draft", "4"),
  );
  expect(status).toBe(0);
  const swept = stdout.split("\n").filter((line) => /^fixed:\d/.test(line));
  expect(new Set(swept.map((line) => line.split(" ")[0]))).toEqual(
    new Set(["fixed:1", "fixed:2", "fixed:3", "fixed:4"]),
  );
});

test("--limit replays the first prompts", () => {
  const result = cli(onTrace("--costs", "paper", "--rule", "none", "--limit", "2", "--json"));
  expect(json<ReplayResult>(result).trace).toMatchObject({ prompts: 2, tokens: 80 });
});

test("a file of prices is read", () => {
  const file = inFolder("prices.json");
  writeFileSync(file, JSON.stringify({ draftStepMicros: 1500, verifyMicros: [6600, 8700, 11200] }));
  const result = cli(onTrace("--costs", file, "--rule", "none", "--json"));
  expect(json<ReplayResult>(result).plain.tokensPerSecond.value).toBeCloseTo(1e6 / 6600, 6);
});

test("a calibration is read at the trace's mean context length", () => {
  const timing = (micros: number): object => ({ micros, low: micros, high: micros, samples: 9 });
  const costs = [0, 100].map((contextLength) => ({
    contextLength,
    draftStep: timing(1000),
    verify: [timing(1000 + 10 * contextLength), timing(3000)],
  }));
  const file = inFolder("calibration.json");
  writeFileSync(file, JSON.stringify({ format: 1, costs }));
  const result = cli(onTrace("--costs", file, "--rule", "none", "--json"));
  // 5 tokens of prompt and 0 to 39 of the reply before each token: 24.5.
  expect(json<ReplayResult>(result).prices.verifyMicros[0]).toBeCloseTo(1245, 6);
});

test("--svg draws every rule, for light and for dark readers", () => {
  const file = inFolder("pareto.svg");
  expect(cli(onTrace("--costs", "paper", "--svg", file)).status).toBe(0);
  const svg = readFileSync(file, "utf8");
  expect(svg).toMatch(/^<svg .*<\/svg>\s*$/s);
  expect(svg).toContain("@media (prefers-color-scheme:dark)");
  for (const name of ["fixed", "confidence", "cumulative", "entropy", "logistic", "oracle"]) {
    expect(svg).toContain(`>${name}</text>`);
  }
  expect(svg).not.toContain("NaN");
});

test("a million drafted tokens with all rules and parameters take less than ten seconds", async () => {
  const large = inFolder("large");
  await writeTrace(large, syntheticTrace({ prompts: 270, replyTokens: 200 }));
  // Processor time, so that what else the machine does has no say.
  const outcome = evaluate(`
    const { replay } = require("./dist");
    const { trace, sweeps } = await replay({ trace: ${JSON.stringify(large)}, costs: "paper" });
    const { user, system } = process.cpuUsage();
    return { rows: trace.rows, replays: sweeps.flatMap(({ points }) => points).length, seconds: (user + system) / 1e6 };
  `) as { rows: number; replays: number; seconds: number };
  expect(outcome.rows).toBeGreaterThan(1e6);
  expect(outcome.replays).toBeGreaterThan(100);
  expect(outcome.seconds).toBeLessThan(10);
});

test.each<[string, string[], number, RegExp]>([
  ["no trace", ["replay", "--costs", "paper"], 2, /Missing required argument: trace/],
  ["no prices", ["replay", "--trace", "TRACE"], 2, /Missing required argument: costs/],
  [
    "a folder that is not there",
    ["replay", "--trace", "nowhere", "--costs", "paper"],
    1,
    /ERR_FILE_NOT_FOUND: .*nowhere/,
  ],
  [
    "no such price list",
    ["replay", "--trace", "TRACE", "--costs", "papers"],
    2,
    /ERR_INVALID_ARGUMENT: costs must be "measured", the name of a price list \("paper", "1:10", "1:40"\) or a JSON file, but is "papers"\./,
  ],
  [
    "a file of prices that is not there",
    ["replay", "--trace", "TRACE", "--costs", "none.json"],
    1,
    /ERR_FILE_NOT_FOUND: There are no prices to read in none\.json/,
  ],
  [
    "a file that is not JSON",
    ["replay", "--trace", "TRACE", "--costs", "README.md"],
    2,
    /ERR_INVALID_ARGUMENT: README\.md is not JSON/,
  ],
  [
    "a file without prices",
    ["replay", "--trace", "TRACE", "--costs", "package.json"],
    2,
    /ERR_INVALID_ARGUMENT: package\.json: draftStepMicros is missing or not as it should be\. Prices are \{/,
  ],
  [
    "a rule that is none",
    ["replay", "--trace", "TRACE", "--costs", "paper", "--rule", "frob"],
    2,
    /ERR_INVALID_ARGUMENT: the rule must be one of none, fixed:K, /,
  ],
  [
    "a parameter out of its range",
    ["replay", "--trace", "TRACE", "--costs", "paper", "--rule", "confidence:2"],
    2,
    /ERR_INVALID_ARGUMENT: P of the rule "confidence\[:P\]" must be 0 to 1, but is "2"/,
  ],
  [
    "a limit of nothing",
    ["replay", "--trace", "TRACE", "--costs", "paper", "--limit", "0"],
    2,
    /ERR_INVALID_ARGUMENT: limit must be a whole number of prompts, 1 or more, but is 0/,
  ],
  [
    "a longer draft than the trace's",
    ["replay", "--trace", "TRACE", "--costs", "paper", "--max-draft", "21"],
    2,
    /ERR_INVALID_ARGUMENT: --max-draft must be a whole number, 1 to 20/,
  ],
  [
    "an SVG that cannot be written",
    ["replay", "--trace", "TRACE", "--costs", "paper", "--svg", "nowhere/x.svg"],
    1,
    /ERR_WRITE: Cannot write nowhere\/x\.svg/,
  ],
])("refused: %s", (_, args, status, reason) => {
  const result = cli(args.map((word) => (word === "TRACE" ? trace : word)));
  expect(result).toMatchObject({ status, stdout: "" });
  expect(result.stderr).toMatch(reason);
});

test("refused: a trace of rounds", async () => {
  const rounds = inFolder("rounds");
  const walks = syntheticTrace({ prompts: 1, replyTokens: 5 });
  await writeTrace(rounds, { ...walks, header: { ...walks.header, mode: "rounds" } });
  const result = cli(["replay", "--trace", rounds, "--costs", "paper"]);
  expect(result).toMatchObject({ status: 2, stdout: "" });
  expect(result.stderr).toMatch(/ERR_INVALID_ARGUMENT: Replay needs a trace of walks/);
});

describe("measured prices", () => {
  const env = (): NodeJS.ProcessEnv => ({ XDG_CACHE_HOME: inFolder("cache") });
  // The models of the calibration are recognized wherever they were when the trace was written.
  const ofThePair = async (name: string): Promise<string> => {
    const walks = syntheticTrace({ prompts: 2, replyTokens: 10 });
    const fingerprints = {
      target: await modelFingerprint(target),
      draft: await modelFingerprint(draft),
      vocabulary: "",
    };
    await writeTrace(inFolder(name), { ...walks, header: { ...walks.header, fingerprints } });
    return inFolder(name);
  };
  const measured = (walks: string): ChildResult =>
    cli(["replay", "--trace", walks, "--costs", "measured", "--rule", "none", "--json"], {
      env: env(),
    });

  test("without a calibration say how to make one", async () => {
    const result = measured(await ofThePair("uncalibrated"));
    expect(result).toMatchObject({ status: 1, stdout: "" });
    expect(result.stderr).toMatch(
      /ERR_FILE_NOT_FOUND: There is no calibration of .*specdecpp calibrate --target .*target\.gguf --draft .*draft\.gguf/,
    );
    expect(existsSync(inFolder("cache"))).toBe(false);
  });

  test("are those of the newest calibration of the trace's models", async () => {
    const calibrated = await ofThePair("calibrated");
    const args = ["calibrate", ...pair, "--max-draft", "4", "--seconds", "1", "--json"];
    const calibration = json<CalibrationResult>(cli(args, { env: env() }));
    const { prices } = json<ReplayResult>(measured(calibrated));
    const lengths = calibration.costs.map(({ verify }) => verify[0]!.micros);
    expect(prices.verifyMicros).toHaveLength(5);
    expect(prices.verifyMicros[0]).toBeGreaterThanOrEqual(Math.min(...lengths));
    expect(prices.verifyMicros[0]).toBeLessThanOrEqual(Math.max(...lengths));
  });
});
