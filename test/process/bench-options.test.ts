import path from "node:path";
import { run } from "./child";

// The benchmarks' options, without running one.

const bench = (file: string, ...given: string[]) =>
  run(process.execPath, [path.join("bench", file), ...given]);

test.each(["busy.mjs", "head.mjs"])("%s --help measures nothing", (file) => {
  const { status, stdout, stderr } = bench(file, "--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain(`node ${path.join("bench", file)} [options]`);
});

test("help has defaults, and a benchmark's own options beside those of all that run on a grid", () => {
  const { stdout } = bench("peers.mjs", "--help");
  expect(stdout).toMatch(/--limit +Prompts in each +\[number\] \[default: 20\]/);
  expect(stdout).toMatch(/--head +Also specdecpp with this head +\[string\]/);
});

test.each([
  ["an unknown option", ["--nonsense"], "Unknown argument: nonsense."],
  ["what is no number", ["--limit", "few"], "--limit must be a number."],
  ["what is given twice", ["--sets", "gsm8k", "--sets", "humaneval"], "--sets is given twice."],
  ["an unknown target", ["--ratios", "1:3"], "--ratios are own, 1:10, 1:40, but one is 1:3."],
])("%s ends a benchmark with 2 and a line", (_, given, message) => {
  const { status, stdout, stderr } = bench("main.mjs", ...given);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toBe(`${message} --help lists the options.\n`);
});
