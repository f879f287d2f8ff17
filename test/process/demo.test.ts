import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { copyPackage, root, run, withTemporaryFolder } from "./child";
import { cli, json, onTerminal } from "./cli";

// Few idle layers and one thread: the claims are about what it prints, not about how fast it is.
const tiny = ["demo", "--layers", "3", "--max-tokens", "30"];
const brief = [...tiny, "--stop", "fixed:4", "--threads", "1"];
const green = "\u001b[32m";

interface Side {
  text: string;
  tokensPerSecond: number;
  runs: number[];
  stats: { targetPasses: number; drafted: number; stopReasons: { gate: number } };
}

interface Comparison {
  target: string;
  idleLayers: number;
  threads: number | null;
  plain: Side;
  speculative: Side;
  speedup: number;
  identical: boolean;
}

beforeAll(() => {
  expect(cli([...brief, "--json"]).status).toBe(0); // has the target made
});

test("--json has both sides with medians of five runs, and identical texts", () => {
  const result = cli([...brief, "--json"]);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  const { plain, speculative, speedup, identical, idleLayers } = json<Comparison>(result);
  expect(idleLayers).toBe(3);
  expect(identical).toBe(true);
  expect(speculative.text).toBe(plain.text);
  expect(plain.stats).toMatchObject({ targetPasses: 30, drafted: 0 });
  expect(speculative.stats.targetPasses).toBeLessThan(30);
  for (const { runs, tokensPerSecond } of [plain, speculative]) {
    expect(runs).toHaveLength(5);
    expect(tokensPerSecond).toBe(runs.toSorted((a, b) => a - b)[2]);
  }
  expect(speedup).toBeCloseTo(speculative.tokensPerSecond / plain.tokensPerSecond);
});

test("the deepened target is made once", () => {
  const { target } = json<Comparison>(cli([...brief, "--json"]));
  expect(path.dirname(target)).toBe(path.join(root, "build/demo"));
  expect(path.basename(target)).toBe("target-3-idle-layers.gguf");
  const made = statSync(target).mtimeMs;
  expect(cli([...brief, "--json"]).stderr).toBe("");
  expect(statSync(target).mtimeMs).toBe(made);
  expect(readdirSync(path.dirname(target)).filter((name) => name.endsWith(".partial"))).toEqual([]);
});

test("where the package cannot be written, the target goes to the folder for temporary files", () => {
  withTemporaryFolder((folder) => {
    copyPackage(folder);
    symlinkSync(path.join(root, "models"), path.join(folder, "models"), "junction");
    writeFileSync(path.join(folder, "build/demo"), "in the way");
    const temporary = path.join(folder, "tmp");
    mkdirSync(temporary);
    const { status, stdout, stderr } = run(
      process.execPath,
      [path.join(folder, "dist/cli/cli.mjs"), ...brief, "--json"],
      { ...process.env, TMPDIR: temporary },
    );
    expect(status).toBe(0);
    expect(stderr).toContain(
      `${path.join(folder, "build/demo")} cannot be written; using ${temporary}`,
    );
    expect((JSON.parse(stdout) as Comparison).target.startsWith(temporary)).toBe(true);
  });
});

test("the report shows both texts, the figures and the verdict, without colours when piped", () => {
  const { status, stdout, stderr } = cli(brief);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("they add nothing to the output and cost what a layer costs");
  const [, plain, speculative] =
    /Plain decoding:\n(.*)\n\nSpeculative decoding:\n(.*)\n\n +plain {2}speculative\n/s.exec(
      stdout,
    ) ?? [];
  expect(plain).toMatch(/\w/);
  expect(speculative).toBe(plain);
  expect(stdout).toMatch(
    /\ntokens +30 +30\ntokens per target pass +1\.00 +\d\.\d\d\ndrafted tokens accepted +- +\d+ %\ntokens discarded +0 +\d+\ntokens\/s +\d+\.\d +\d+\.\d\nspeedup +1\.00 +\d+\.\d\d\n/,
  );
  expect(stdout).toMatch(/\nThe two texts are identical, as they must be at temperature 0\.\n$/);
});

test("on a terminal accepted tokens are green, and a legend says so", () => {
  const { status, stdout } = onTerminal(brief);
  expect(status).toBe(0);
  expect(stdout).toContain(`Speculative decoding (${green}green: drafted and accepted`);
  const plain = stdout.slice(
    stdout.indexOf("Plain decoding:"),
    stdout.indexOf("Speculative decoding"),
  );
  expect(plain).not.toContain("\u001b");
  const [, speculative] = stdout.split("own):\n");
  expect(speculative).toContain(green);
});

test("NO_COLOR keeps a terminal without colours", () => {
  const { status, stdout } = onTerminal(brief, { NO_COLOR: "1" });
  expect(status).toBe(0);
  expect(stdout).not.toContain("\u001b");
});

// Whether the texts are the same is not this test's: rounding may differ from processor to processor.
test.each([
  ["rejection", /differ: they are two draws from the same distribution, .* --verifier coupled/],
  ["match", /differ: they are drawn with the same numbers, but .* --verifier coupled/],
  ["coupled", /differ: at a near tie of two tokens, batches of different sizes round differently/],
])("above temperature 0 it says why the two texts of %s differ", (verifier, reason) => {
  const { stdout } = cli([...brief, "--temperature", "1", "--seed", "7", "--verifier", verifier]);
  const verdict = stdout.trimEnd().split("\n").at(-1) ?? "";
  expect(verdict).toMatch(
    new RegExp(`^The two texts (are identical|${reason.source}.*)\\. Seed: 7\\.$`),
  );
});

test("its help shows its own defaults", () => {
  const { stdout } = cli(["demo", "--help"]);
  expect(stdout).toMatch(/^ +--max-tokens .*\[default: 120\]$/m);
  expect(stdout).toMatch(/^ +--stop .*\[default: "fixed:4"\]$/m);
  expect(stdout).toContain("\nStop rules:\n  none ");
});

test("threads are the library's to choose unless they are given", () => {
  const without = brief.slice(0, -2);
  expect(json<Comparison>(cli([...brief, "--json"])).threads).toBe(1);
  expect(json<Comparison>(cli([...without, "--json"])).threads).toBeNull();
  expect(cli(brief).stdout).toMatch(/^Target: .*, on 1 thread\n/);
});

test("it takes every stop rule", () => {
  const { speculative, identical } = json<Comparison>(
    cli([...tiny, "--threads", "1", "--json", "--stop", "confidence:0.9"]),
  );
  expect(identical).toBe(true);
  expect(speculative.stats.stopReasons.gate).toBeGreaterThan(0);
});

test.each([["-1"], ["507"]])("--layers %s is wrong usage", (layers) => {
  const { status, stderr } = cli(["demo", "--layers", layers]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/ERR_INVALID_ARGUMENT: (--)?layers must be/);
});
