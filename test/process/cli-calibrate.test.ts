import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { CalibrationResult } from "../../lib";
import { type ChildResult, root } from "./child";
import { cli, json, pair, RunningCli } from "./cli";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** `specdecpp calibrate` of the embedded pair, with a cache of its own. */
function calibrate(...args: string[]): ChildResult {
  const quick = args.includes("--seconds") ? [] : ["--seconds", "1"];
  return cli(["calibrate", ...pair, "--max-draft", "6", ...quick, ...args], {
    env: { XDG_CACHE_HOME: folder },
  });
}

function result(...args: string[]): CalibrationResult {
  const child = calibrate("--json", ...args);
  expect(child).toMatchObject({ status: 0, stderr: "" });
  return json<CalibrationResult>(child);
}

function cacheFiles(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

test("prints a table of prices, and where they are kept", () => {
  const { status, stdout, stderr } = calibrate();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^target {2}target\.gguf \(llama/);
  expect(stdout).toMatch(/\nMeasured now\.\n/);
  expect(stdout).toMatch(/at 64 tokens/);
  expect(stdout).toMatch(/\na draft step +\d/);
  expect(stdout).toMatch(/\na pass, plain +\d\S* \(\S+–\S+\) 1\.00×/);
  expect(stdout).toMatch(/\na pass, 6 drafted /);
  const [file] = cacheFiles();
  expect(stdout.endsWith(`\nKept in ${file!}\n`)).toBe(true);
});

test("--json prints one object; the second run finds the first, --force does not", () => {
  const first = result();
  expect(first.cached).toBe(false);
  expect(first.costs[0]!.verify).toHaveLength(7);
  expect(cacheFiles()).toEqual([first.file]);
  expect(result()).toEqual({ ...first, cached: true });
  expect(result("--force").measuredAt).not.toBe(first.measuredAt);
  expect(cacheFiles()).toEqual([first.file]);
});

test("the age is shown, and what is too old is measured again", () => {
  const { file } = result();
  const calibration = JSON.parse(readFileSync(file!, "utf8")) as object;
  const measuredAt = new Date(Date.now() - 3.5 * 86_400_000).toISOString();
  writeFileSync(file!, JSON.stringify({ ...calibration, measuredAt }));
  expect(calibrate().stdout).toMatch(/\nMeasured 3 days ago; --force measures again\.\n/);
  expect(calibrate("--max-age", "3").stdout).toMatch(/\nMeasured now\.\n/);
});

test("a broken file is warned of on stderr and replaced", () => {
  const { file } = result();
  writeFileSync(file!, "{");
  const { status, stdout, stderr } = calibrate("--json");
  expect(status).toBe(0);
  expect(stderr).toMatch(/SpecdecWarning: The calibration .* is broken/);
  expect(json<CalibrationResult>({ stdout }).cached).toBe(false);
  expect(result().cached).toBe(true);
});

test("without a place to keep them the prices are printed all the same", () => {
  const file = path.join(folder, "file");
  writeFileSync(file, "");
  const { status, stdout, stderr } = cli(["calibrate", ...pair, "--seconds", "1"], {
    env: { XDG_CACHE_HOME: file },
  });
  expect(status).toBe(0);
  expect(stderr).toMatch(/SpecdecWarning: The calibration .* cannot be written/);
  expect(stdout).toMatch(/\nMeasured now, and not kept\.\n/);
  expect(stdout).not.toMatch(/Kept in/);
});

test("--svg draws the curve", () => {
  const picture = path.join(folder, "costs.svg");
  expect(calibrate("--svg", picture).status).toBe(0);
  const svg = readFileSync(picture, "utf8");
  expect(svg).toMatch(/^<svg /);
  expect(svg).toMatch(/<\/svg>\s*$/);
  expect(svg).toMatch(/drafted tokens/);
  expect(svg).not.toMatch(/NaN|undefined/);
});

test("a picture that cannot be written is an error, after the prices", () => {
  const { status, stdout, stderr } = calibrate("--svg", path.join(folder, "no", "costs.svg"));
  expect(status).toBe(1);
  expect(stderr).toMatch(/^specdecpp: ERR_WRITE: Cannot write /);
  expect(stdout).toMatch(/a draft step/);
});

test.each([
  [["--seconds", "0"], /seconds must be a number, 1 to 3600/],
  [["--seconds", "soon"], /--seconds must be a number/],
  [["--max-age", "-1"], /--max-age must be a number, 0 to 36500/],
  [["--max-draft", "65"], /--max-draft (is given twice|must be)/],
  [["--second", "5"], /Unknown argument: second/],
  [["--svg"], /Not enough arguments following: svg/],
])("%p is wrong usage", (args, message) => {
  const { status, stderr } = calibrate(...args);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
  expect(cacheFiles()).toEqual([]);
});

test("without a draft there is nothing to calibrate", () => {
  const { status, stderr } = cli(["calibrate", "--target", pair[1]!]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/Missing required argument: draft/);
});

test("Ctrl-C ends the measuring, and nothing is kept", async () => {
  const preload = path.join(folder, "preload.cjs");
  writeFileSync(
    preload,
    `process.env.XDG_CACHE_HOME = ${JSON.stringify(path.join(folder, "cache"))};
    const { Engine } = require(${JSON.stringify(path.join(root, "dist"))});
    const { withSession } = Engine.prototype;
    Engine.prototype.withSession = function (...args) {
      process.stderr.write("measuring\\n");
      return withSession.apply(this, args);
    };`,
  );
  const running = new RunningCli(["calibrate", ...pair, "--seconds", "3600"], preload);
  await running.until("stderr", /measuring/);
  running.kill("SIGINT");
  expect(await running.end()).toEqual({ status: 130, signal: null });
  expect(running.stderr).toBe("measuring\nspecdecpp: interrupted\n");
  expect(running.stdout).toBe("");
  expect(cacheFiles()).toEqual([preload]);
});
