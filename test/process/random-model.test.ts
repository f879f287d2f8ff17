import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { GenerationResult } from "../../lib";
import { root, run } from "./child";
import { cli, draft, json, pair, target } from "./cli";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function make(...args: string[]): string {
  const file = path.join(folder, "random.gguf");
  const made = run(process.execPath, [
    path.join(root, "scripts", "random-model.mjs"),
    file,
    ...args,
  ]);
  expect(made).toMatchObject({ status: 0, stderr: "" });
  return file;
}

test.each([
  ["f16", 3, 256],
  ["q8_0", 2, 128],
])(
  "a model of random weights in %s has the size asked for and the vocabulary",
  (type, layers, width) => {
    const file = make("--type", type, "--layers", String(layers), "--width", String(width));
    const { stdout } = cli(["inspect", target, file]);
    expect(stdout).toMatch(new RegExp(`layers × width .* ${layers} × ${width}\n`));
    expect(stdout).toMatch(new RegExp(`quantization .* ${type}\n`, "i"));
    expect(stdout).toMatch(/\ncomplete +yes +yes\n/);
    expect(stdout).toMatch(/They fit/);
  },
);

test("as a draft it is of no use, and the text stays the target's", () => {
  const common = [
    "--prompt",
    "Tom has 3 boxes.",
    "--max-tokens",
    "40",
    "--json",
    "--stop",
    "fixed:4",
  ];
  const generate = (model: string): GenerationResult =>
    json(cli(["generate", ...pair.map((word) => (word === draft ? model : word)), ...common]));
  const useless = generate(make("--type", "q8_0"));
  const useful = generate(draft);
  expect(useless.text).toBe(useful.text);
  expect(useful.stats.acceptanceRate).toBeGreaterThan(0.3);
  expect(useless.stats.acceptanceRate).toBeLessThan(0.05);
});

test("a width that its heads do not divide is refused", () => {
  const file = path.join(folder, "none.gguf");
  const { status, stderr } = run(process.execPath, [
    path.join(root, "scripts", "random-model.mjs"),
    ...[file, "--width", "100"],
  ]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/the width a multiple of 64 and of 32/);
});
