import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { verifierNames } from "../../lib/options";
import { policyKinds } from "../../lib/policy/policies";
import { evaluate } from "./child";
import { cli, draft, json, onTerminal, pair, shell, target } from "./cli";

const prompt = "Once upon a time";
const brief = [...pair, "--max-tokens", "24"];

interface Output {
  text: string;
  tokens: number[];
  finishReason: string;
  seed: number;
  logprobs?: number[];
  rounds?: { generated: number; drafted: number; stopReason: string; draft: { q: number }[] }[];
  stats: { generated: number; targetPasses: number; drafted: number; draftLengths: number[] };
}

let folder: string;
let expected: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  expected = cli(["generate", ...brief, "--prompt", prompt]).stdout;
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function file(name: string, content: string | Buffer): string {
  const where = path.join(folder, name);
  writeFileSync(where, content);
  return where;
}

test("stdout is the text and nothing else when it is piped", () => {
  expect(expected.length).toBeGreaterThan(10);
  const result = cli(["generate", ...brief, "--prompt", prompt]);
  expect(result).toMatchObject({ status: 0, stdout: expected, stderr: "" });
});

test("a draft does not change the text", () => {
  const alone = cli([
    "generate",
    "--target",
    target,
    "--threads",
    "1",
    "--max-tokens",
    "24",
    "--prompt",
    prompt,
  ]);
  expect(alone).toMatchObject({ status: 0, stdout: expected });
});

test("the prompt comes from a file, from stdin by -, or from stdin by --file -", () => {
  const input = prompt;
  expect(cli(["generate", ...brief, "--file", file("prompt.txt", prompt)]).stdout).toBe(expected);
  expect(cli(["generate", ...brief, "-"], { input }).stdout).toBe(expected);
  expect(cli(["generate", ...brief, "--file", "-"], { input }).stdout).toBe(expected);
});

test("a prompt from a file is used as it is, its last newline too", () => {
  const stdin = cli(["generate", ...brief, "--json", "-"], { input: `${prompt}\n` });
  const argument = cli(["generate", ...brief, "--json", "--prompt", `${prompt}\n`]);
  expect(json<Output>(stdin).tokens).toEqual(json<Output>(argument).tokens);
  expect(json<Output>(stdin).text).not.toBe(expected);
});

test("--json prints one object with the same text, and the log-probabilities if asked for", () => {
  const asked = ["--prompt", prompt, "--stop", "fixed:4", "--json", "--logprobs"];
  const result = cli(["generate", ...brief, ...asked]);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  expect(result.stdout.endsWith("}\n")).toBe(true);
  const output = json<Output>(result);
  expect(Object.keys(output).sort()).toEqual([
    "finishReason",
    "logprobs",
    "seed",
    "stats",
    "text",
    "tokens",
  ]);
  expect(output).toMatchObject({
    text: expected,
    finishReason: "length",
    stats: { generated: 24 },
  });
  expect(output.tokens).toHaveLength(24);
  expect(output.logprobs).toHaveLength(24);
  expect(Math.max(...(output.logprobs ?? []))).toBeLessThanOrEqual(0);
  expect(output.stats.targetPasses).toBeLessThan(24);
});

test("the seed in the output repeats a text drawn at random", () => {
  const args = ["generate", ...brief, "--prompt", prompt, "--temperature", "1", "--json"];
  args.push("--verifier", "coupled");
  const first = json<Output>(cli(args));
  const again = json<Output>(cli([...args, "--seed", String(first.seed)]));
  const other = json<Output>(cli([...args, "--seed", String(first.seed + 1)]));
  expect(again.tokens).toEqual(first.tokens);
  expect(other.tokens).not.toEqual(first.tokens);
});

test("--details adds to --json what each round drafted", () => {
  const { tokens, rounds } = json<Output>(
    cli(["generate", ...brief, "--prompt", prompt, "--json", "--details", "--stop", "fixed:4"]),
  );
  expect(rounds?.reduce((sum, { generated }) => sum + generated, 0)).toBe(tokens.length);
  for (const { drafted, draft: details, stopReason } of rounds ?? []) {
    expect(details).toHaveLength(drafted);
    expect(["length", "room"]).toContain(stopReason);
  }
  expect(Object.keys(rounds?.[0]?.draft[0] ?? {}).sort()).toEqual(
    ["id", "q", "p", "acceptance", "mode", "margin", "entropy"].sort(),
  );
});

test.each(verifierNames)("--verifier %s gives the same text at temperature 0", (verifier) => {
  const result = cli(["generate", ...brief, "--prompt", prompt, "--verifier", verifier]);
  expect(result).toMatchObject({ status: 0, stdout: expected, stderr: "" });
});

test.each(policyKinds.filter(({ needsHead }) => !needsHead).map(({ name }) => name))(
  "--stop %s gives the same text at temperature 0",
  (name) => {
    const rule = name === "fixed" ? "fixed:3" : name;
    const result = cli(["generate", ...brief, "--prompt", prompt, "--stop", rule]);
    expect(result).toMatchObject({ status: 0, stdout: expected, stderr: "" });
  },
);

test("the help of --stop has every rule with what it means, and the default", () => {
  const { stdout } = cli(["generate", "--help"]);
  const [, rules] = stdout.split("\nStop rules:\n");
  expect(rules?.trimEnd().split("\n")).toHaveLength(policyKinds.length);
  for (const kind of policyKinds) {
    expect(rules).toMatch(new RegExp(`^  ${kind.name}\\S*  +${escape(kind.describe)}`, "m"));
  }
  expect(rules).toMatch(/^ {2}confidence\[:P\] .* \(P = 0\.4\)$/m);
  expect(stdout).toMatch(/^ +--stop .*\[default: throughput with a draft\]$/m);
});

test("--max-draft bounds what any rule drafts", () => {
  const args = ["--prompt", prompt, "--json", "--stop", "confidence:0", "--max-draft", "2"];
  const { stats } = json<Output>(cli(["generate", ...brief, ...args]));
  expect(stats.draftLengths.length).toBeLessThanOrEqual(3);
  expect(stats.draftLengths[2]).toBeGreaterThan(0);
});

test("--draft-top-k bounds what the draft draws from, not the text", () => {
  const args = ["--prompt", prompt, "--json", "--temperature", "1", "--seed", "7"];
  const by = (...more: string[]): Output => json(cli(["generate", ...brief, ...args, ...more]));
  const [likeliest, any] = [by("--draft-top-k", "1", "--details"), by("--details")];
  const q = ({ rounds }: Output): number[] =>
    (rounds ?? []).flatMap(({ draft: drafted }) => drafted.map((token) => token.q));
  expect(new Set(q(likeliest))).toEqual(new Set([1]));
  expect(Math.min(...q(any))).toBeLessThan(1);
});

test("--verifier chooses how drafts are verified, which shows in what a seed gives", () => {
  const args = ["--prompt", prompt, "--temperature", "1", "--seed", "7", "--stop", "fixed:4"];
  const by = (verifier: string): Output =>
    json(cli(["generate", ...brief, ...args, "--json", "--verifier", verifier]));
  expect(by("match").tokens).toEqual(by("match").tokens);
  expect(by("match").tokens).not.toEqual(by("rejection").tokens);
  expect(by("coupled").tokens).not.toEqual(by("rejection").tokens);
});

test("--stop none drafts nothing, --stop fixed:20 up to twenty tokens a round", () => {
  const drafted = (rule: string): number =>
    json<Output>(cli(["generate", ...brief, "--prompt", prompt, "--json", "--stop", rule])).stats
      .drafted;
  expect(drafted("none")).toBe(0);
  expect(drafted("fixed:20")).toBeGreaterThanOrEqual(20);
});

test("the text ends before the first of several stop strings", () => {
  const [, , third, , , sixth] = [...expected.matchAll(/\w+/g)].map(([word]) => word);
  const stops = ["--stop-string", sixth ?? "", "--stop-string", third ?? ""];
  const result = cli(["generate", ...brief, "--prompt", prompt, ...stops]);
  expect(result).toMatchObject({
    status: 0,
    stdout: expected.slice(0, expected.indexOf(third ?? "")),
  });
});

test("the draft's GPU layers, threads and context are the target's unless they are given", () => {
  const draftOf = (options: object): unknown =>
    evaluate(`const { toEngineOptions } = await import("./dist/cli/library-options.mjs");
      return toEngineOptions(${JSON.stringify({ target: "t", draft: "d", ...options })}).draft;`);
  const own = { gpuLayers: 5, threads: 3, contextSize: 99 };
  expect(draftOf(own)).toEqual({ path: "d", ...own });
  expect(draftOf({ ...own, draftGpuLayers: 0, draftThreads: 1, draftContextSize: 50 })).toEqual({
    path: "d",
    gpuLayers: 0,
    threads: 1,
    contextSize: 50,
  });
  expect(draftOf({})).toEqual({ path: "d" });
});

test("--no-parse-special takes <|user|> for text", () => {
  const tokens = (...args: string[]): number =>
    json<{ stats: { promptTokens: number } }>(
      cli(["generate", ...pair, "--max-tokens", "1", "--json", "--prompt", "<|user|>", ...args]),
    ).stats.promptTokens;
  expect(tokens()).toBeLessThan(tokens("--no-parse-special"));
});

test("on a terminal the text ends with a newline, and a summary follows", () => {
  const { status, stdout } = onTerminal(["generate", ...brief, "--prompt", prompt]);
  expect(status).toBe(0);
  expect(stdout.startsWith(`${expected.trimEnd()}\n`)).toBe(true);
  expect(stdout).toMatch(
    /\n24 tokens, \d+\.\d tokens\/s, \d\.\d\d tokens per target pass, \d+ % of the draft accepted\n$/,
  );
});

test("a reader that has had enough ends it quietly", () => {
  const models = pair.map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = shell(
    `$CLI generate ${models} --prompt 'Once upon a time' --max-tokens 300 | head -c 5; echo; echo \${PIPESTATUS[0]}`,
  );
  expect(stdout).toBe(`${expected.slice(0, 5)}\n0\n`);
  expect(stderr).toBe("");
});

test("an output that cannot be written is a failure", () => {
  const models = pair.map((word) => `'${word}'`).join(" ");
  const { status, stderr } = shell(`$CLI generate ${models} --prompt x --max-tokens 4 > /dev/full`);
  expect(stderr).toBe("specdecpp: ENOSPC: no space left on device, write\n");
  expect(status).toBe(1);
});

test.each([
  ["--help", /^specdecpp <command>\n[^]*interrupted\.\n$/],
  ["generate --help", /^specdecpp generate [^]*\nStop rules:[^]*\n$/],
  ["--version", /^\d+\.\d+\.\d+\n$/],
])("%s is written in full, and a failure where it cannot be", (option, whole) => {
  const read = shell(`$CLI ${option} | cat; echo \${PIPESTATUS[0]} >&2`);
  expect(read.stdout).toMatch(whole);
  expect(read.stderr).toBe("0\n");
  expect(shell(`$CLI ${option} > /dev/full`)).toMatchObject({
    status: 1,
    stderr: "specdecpp: ENOSPC: no space left on device, write\n",
  });
  const unread = shell(`$CLI ${option} | true; echo \${PIPESTATUS[0]}`);
  expect(unread).toMatchObject({ stdout: "0\n", stderr: "" });
});

/** Ends with this status, prints nothing on stdout, and on stderr one line of this beginning. */
function expectFailure(args: string[], status: number, stderr: RegExp, input?: Buffer): void {
  const result = cli(["generate", ...args], input ? { input } : {});
  expect(result).toMatchObject({ status, stdout: "" });
  expect(result.stderr).toMatch(stderr);
  expect(result.stderr).not.toMatch(/\n\s+at /);
}

describe("failures, exit code 1", () => {
  test("no such model", () => {
    expectFailure(
      ["--target", path.join(folder, "none.gguf"), "--prompt", "x"],
      1,
      /^specdecpp: ERR_FILE_NOT_FOUND: There is no file .*none\.gguf\..*\n$/,
    );
  });

  test("a model that is not GGUF", () => {
    expectFailure(
      ["--target", file("text.gguf", "this is a text"), "--prompt", "x"],
      1,
      /^specdecpp: ERR_MODEL_LOAD: .*text\.gguf.*invalid magic.*\n$/,
    );
  });

  test("a truncated model", () => {
    const cut = shell(`head -c 2000000 '${target}' > '${path.join(folder, "cut.gguf")}'`);
    expect(cut.status).toBe(0);
    expectFailure(
      ["--target", path.join(folder, "cut.gguf"), "--prompt", "x"],
      1,
      /^specdecpp: ERR_MODEL_LOAD: .*cut\.gguf.*not within the file bounds.*\n$/,
    );
  });

  test("a draft of another vocabulary", () => {
    const other = path.join(folder, "other-draft.gguf");
    copyFileSync(draft, other);
    shell(`LC_ALL=C sed -i 's/<|user|>/<|USER|>/' '${other}'`);
    expectFailure(
      ["--target", target, "--draft", other, "--threads", "1", "--prompt", "x"],
      1,
      /^specdecpp: ERR_VOCABULARY_MISMATCH: .*token 3 is "<\|user\|>" in one and "<\|USER\|>" in the other.*\n$/,
    );
  });

  test("a prompt longer than the context, told in the words of the command line", () => {
    expectFailure(
      [...pair, "--context-size", "4", "--prompt", "one two three four five six"],
      1,
      /^specdecpp: ERR_CONTEXT_FULL: The prompt has \d+ tokens, .* larger --context-size\.\n$/,
    );
  });

  test("a prompt file that is not there", () => {
    expectFailure(
      [...pair, "--file", path.join(folder, "none.txt")],
      1,
      /^specdecpp: ERR_FILE_NOT_FOUND: Cannot read the prompt from .*none\.txt: ENOENT.*\n$/,
    );
  });

  test("SPECDECPP_DEBUG=1 adds the stack", () => {
    const args = ["generate", "--target", "none.gguf", "--prompt", "x"];
    const { stderr } = cli(args, { env: { SPECDECPP_DEBUG: "1" } });
    expect(stderr).toMatch(/^SpecdecError: There is no file none\.gguf.*\n\s+at /);
    expect(stderr).toMatch(/\nspecdecpp: ERR_FILE_NOT_FOUND: .*\n$/);
  });
});

describe("wrong usage, exit code 2", () => {
  const help = "\nFor help: specdecpp --help\n$";

  test.each<[string, string[], RegExp]>([
    [
      "no target",
      ["--prompt", "x"],
      RegExp(`^specdecpp: Missing required argument: target${help}`),
    ],
    [
      "no prompt",
      pair,
      /^specdecpp: ERR_INVALID_ARGUMENT: A prompt is needed from one source, but 0 are given/,
    ],
    ["two prompts", [...pair, "--prompt", "x", "-"], /ERR_INVALID_ARGUMENT: .* but 2 are given/],
    [
      "an unknown option",
      [...pair, "--prompt", "x", "--frob"],
      RegExp(`^specdecpp: Unknown argument: frob${help}`),
    ],
    [
      "an unknown word",
      [...pair, "x"],
      /^specdecpp: Invalid values:\n {2}Argument: input, Given: "x", Choices: "-"/,
    ],
    [
      "an empty stop string",
      [...pair, "--prompt", "x", "--stop-string", ""],
      /ERR_INVALID_ARGUMENT: --stop-string must be a non-empty string/,
    ],
    [
      "no nucleus",
      [...pair, "--prompt", "x", "--top-p", "0"],
      /ERR_INVALID_ARGUMENT: --top-p must be a number, more than 0, up to 1, but is 0/,
    ],
    ["an empty prompt", [...pair, "--prompt", ""], /ERR_INVALID_ARGUMENT: The prompt is empty/],
    [
      "a negative temperature",
      [...pair, "--prompt", "x", "--temperature", "-1"],
      /ERR_INVALID_ARGUMENT: temperature must be 0, or a number, 0.0001 to 10000, but is -1/,
    ],
    [
      "a word for a number",
      [...pair, "--prompt", "x", "--top-k", "many"],
      /ERR_INVALID_ARGUMENT: --top-k must be a number\.\n$/,
    ],
    [
      "a fraction of a token",
      [...pair, "--prompt", "x", "--max-tokens", "1.5"],
      /ERR_INVALID_ARGUMENT: --max-tokens must be a whole number/,
    ],
    [
      "an option without its value",
      [...pair, "--prompt"],
      RegExp(`^specdecpp: Not enough arguments following: prompt${help}`),
    ],
    [
      "a value twice",
      [...pair, "--prompt", "x", "--seed", "1", "--seed", "2"],
      /ERR_INVALID_ARGUMENT: --seed is given twice\.\n$/,
    ],
    [
      "an unknown verifier",
      [...pair, "--prompt", "x", "--verifier", "frob"],
      /Given: "frob", Choices: "greedy", "rejection", "block", "coupled", "match"/,
    ],
    [
      "a greedy verifier above temperature 0",
      [...pair, "--prompt", "x", "--verifier", "greedy", "--temperature", "1"],
      /ERR_INVALID_ARGUMENT: verifier "greedy" is for temperature 0/,
    ],
    [
      "an unknown stop rule",
      [...pair, "--prompt", "x", "--stop", "frob"],
      /ERR_INVALID_ARGUMENT: --stop must be one of none, fixed:K, .*, but is "frob"\.\n$/,
    ],
    [
      "too long a draft",
      [...pair, "--prompt", "x", "--stop", "fixed:65"],
      /ERR_INVALID_ARGUMENT: K of --stop "fixed:K" must be a whole number, 1 to 64, but is "65"\.\n$/,
    ],
    [
      "a draft longer than --max-draft",
      [...pair, "--prompt", "x", "--stop", "fixed:5", "--max-draft", "4"],
      /K of --stop "fixed:K" .* 1 to 4, but is "5"\. For longer drafts raise --max-draft, to 64 at most\.\n$/,
    ],
    [
      "too large a --max-draft",
      [...pair, "--prompt", "x", "--max-draft", "65"],
      /ERR_INVALID_ARGUMENT: --max-draft must be a whole number, 1 to 64, but is 65/,
    ],
    [
      "a threshold that is no probability",
      [...pair, "--prompt", "x", "--stop", "confidence:1.5"],
      /ERR_INVALID_ARGUMENT: P of --stop "confidence\[:P\]" must be 0 to 1, but is "1\.5"\.\n$/,
    ],
    [
      "a longest draft without a draft",
      ["--target", target, "--prompt", "x", "--max-draft", "4"],
      /^specdecpp: Missing dependent arguments:\n max-draft -> draft\n/,
    ],
    [
      "the draft's top-k without a draft",
      ["--target", target, "--prompt", "x", "--draft-top-k", "4"],
      /^specdecpp: Missing dependent arguments:\n draft-top-k -> draft\n/,
    ],
    [
      "details without --json",
      [...pair, "--prompt", "x", "--details"],
      /^specdecpp: Missing dependent arguments:\n details -> json\n/,
    ],
    [
      "an explanation as JSON",
      [...pair, "--prompt", "x", "--explain", "--json"],
      RegExp(`^specdecpp: Arguments explain and json are mutually exclusive${help}`),
    ],
    [
      "a stop rule without a draft",
      ["--target", target, "--prompt", "x", "--stop", "fixed:4"],
      /ERR_INVALID_ARGUMENT: --stop fixed:4 needs a draft\./,
    ],
    [
      "the draft's threads without a draft",
      ["--target", target, "--prompt", "x", "--draft-threads", "1"],
      /^specdecpp: Missing dependent arguments:\n draft-threads -> draft\n/,
    ],
    [
      "log-probabilities without --json",
      [...pair, "--prompt", "x", "--logprobs"],
      /^specdecpp: Missing dependent arguments:\n logprobs -> json\n/,
    ],
  ])("%s", (_, args, stderr) => {
    expectFailure(args, 2, stderr);
  });

  test("a prompt that is not UTF-8", () => {
    expectFailure(
      [...pair, "-"],
      2,
      /^specdecpp: ERR_INVALID_ARGUMENT: The prompt from stdin is not valid UTF-8\..*\n$/,
      Buffer.from([0x61, 0xff, 0x62]),
    );
  });
});
