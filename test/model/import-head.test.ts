// Heads in the form of SpecDec++'s authors, imported for the embedded pair.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { AcceptanceHead, importHead } from "../../lib";
import { demoDraft, demoTarget } from "../support/demo";
import { rejection } from "../support/expect-error";
import { safetensors } from "../support/safetensors";

let folder: string;
const inFolder = (name: string): string => path.join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const width = 128;
const numbers = (seed: number, length: number, scale: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => scale * Math.sin(seed + 1.7 * i));
const block = { weight: numbers(1, width * width, 0.1), bias: numbers(2, width, 0.3) };
const last = { weight: numbers(3, 2 * width, 0.2), bias: numbers(4, 2, 0.5) };
const tensor = (values: Float32Array, ...shape: number[]) => ({
  dtype: "F32",
  shape,
  bytes: Buffer.from(values.buffer),
});
// torch saves a block that stands three times once, safetensors leaves its other names out.
const published = {
  "model.0.linear.weight": tensor(block.weight, width, width),
  "model.0.linear.bias": tensor(block.bias, width),
  "model.3.weight": tensor(last.weight, 2, width),
  "model.3.bias": tensor(last.bias, 2),
};

const write = (name: string, tensors: Parameters<typeof safetensors>[0]): string => {
  writeFileSync(inFolder(name), safetensors(tensors));
  return inFolder(name);
};
const importing = (file: string): Parameters<typeof importHead>[0] => {
  const out = inFolder("imported.gguf");
  return { file, draft: demoDraft, target: demoTarget, out, type: "f32" };
};

test("an imported head scores as worked out in double precision", async () => {
  const result = await importHead(importing(write("published.safetensors", published)));
  expect(result).toMatchObject({ width, depth: 3, tied: true });
  using head = await AcceptanceHead.load(result.out);
  expect(head.info).toMatchObject({ kind: "paper", calibrated: false, scores: {} });
  const state = Float64Array.from({ length: width }, (_, i) => (i % 16) / 8 - 1); // exact halves
  let x = state;
  for (let i = 0; i < 3; ++i) {
    x = x.map((each, row) => {
      let sum = block.bias[row]!;
      for (let j = 0; j < width; ++j) sum += block.weight[row * width + j]! * x[j]!;
      return each + sum / (1 + Math.exp(-sum));
    });
  }
  const logit = (row: number): number =>
    last.bias[row]! + x.reduce((sum, each, j) => sum + last.weight[row * width + j]! * each, 0);
  const half = (value: number): number => {
    if (value === 0) return 0;
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    const fraction = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
    return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
  };
  const inputs = { states: Uint16Array.from(state, half), stateOf: Int32Array.from([0]) };
  const [score] = await head.scores(inputs, {
    ...{ known: [], scalars: new Float32Array() },
    ...{ token: Int32Array.from([5]), position: Int32Array.from([1]) },
  });
  expect(score).toBeCloseTo(logit(1) - logit(0), 4);
});

test.each<[string, Record<string, ReturnType<typeof tensor>>, RegExp]>([
  [
    "another width",
    { "model.0.weight": tensor(numbers(1, 4, 1), 2, 2), "model.0.bias": tensor(last.bias, 2) },
    /reads states of 2 numbers, and .* has 128/,
  ],
  [
    "three logits",
    { "model.0.weight": tensor(numbers(1, 3 * width, 1), 3, width) },
    /no last layer model\.D\.weight of two logits/,
  ],
  [
    "a tensor more",
    { ...published, "model.0.norm.weight": tensor(block.bias, width) },
    /model\.0\.norm\.weight is for is not known/,
  ],
  [
    "one block of three missing",
    {
      ...published,
      "model.1.linear.weight": tensor(numbers(9, width * width, 1), width, width),
      "model.1.linear.bias": tensor(block.bias, width),
    },
    /it has no model\.2\.linear\.weight/,
  ],
])("refused: %s", async (_, tensors, reason) => {
  const file = write("wrong.safetensors", tensors);
  const error = await rejection(importHead(importing(file)), "ERR_HEAD_MISMATCH");
  expect(error.message).toMatch(reason);
});
