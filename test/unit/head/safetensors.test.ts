import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readSafetensors } from "../../../lib/head/safetensors";
import { rejection } from "../../support/expect-error";
import { safetensors } from "../../support/safetensors";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(content: Buffer): string {
  const name = path.join(folder, "head.safetensors");
  writeFileSync(name, content);
  return name;
}

test("numbers of every type are read as they are", async () => {
  // 1.5, -2⁻²⁴ (the least half), infinity; in bfloat16 1.5, -2, 2⁻¹²⁶.
  const halves = Buffer.from(Uint16Array.from([0x3e00, 0x8001, 0x7c00]).buffer);
  const bfloats = Buffer.from(Uint16Array.from([0x3fc0, 0xc000, 0x0080]).buffer);
  const tensors = await readSafetensors(
    file(
      safetensors({
        a: {
          dtype: "F32",
          shape: [1, 2],
          bytes: Buffer.from(Float32Array.from([0.25, -3]).buffer),
        },
        b: { dtype: "F16", shape: [3], bytes: halves },
        c: { dtype: "BF16", shape: [3], bytes: bfloats },
        d: { dtype: "F64", shape: [1], bytes: Buffer.from(Float64Array.from([0.125]).buffer) },
      }),
    ),
  );
  const values = Object.fromEntries([...tensors].map(([name, each]) => [name, [...each.values]]));
  expect(values).toEqual({
    a: [0.25, -3],
    b: [1.5, -(2 ** -24), Infinity],
    c: [1.5, -2, 2 ** -126],
    d: [0.125],
  });
  expect(tensors.get("a")?.shape).toEqual([1, 2]);
});

const good = safetensors({
  a: { dtype: "F32", shape: [2], bytes: Buffer.from(Float32Array.from([1, 2]).buffer) },
});

/** A file whose header is this text, and that has nothing else. */
function headed(header: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header)]);
}

test.each<[string, Buffer, RegExp]>([
  ["a file that is cut", good.subarray(0, -1), /not as long as its shape/],
  [
    "PyTorch's own zip",
    Buffer.from("PK\u0003\u0004 and so on"),
    /its header has no end.*safetensors.torch.save_file/,
  ],
  ["a header that is not JSON", Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x2c]), /not JSON/],
  ["a header that is no object", headed("null"), /its header is not an object/],
  [
    "a tensor without its place",
    headed('{"a":{"dtype":"F32","shape":[1]}}'),
    /a has no dtype, shape/,
  ],
  ["a tensor that is none", headed('{"a":null}'), /a has no dtype, shape/],
  ["nothing", Buffer.alloc(0), /too short/],
  [
    "a type that is not known",
    safetensors({ a: { dtype: "I64", shape: [1], bytes: Buffer.alloc(8) } }),
    /a is of type I64/,
  ],
])("refused: %s", async (_, content, reason) => {
  const error = await rejection(readSafetensors(file(content)), "ERR_MODEL_LOAD");
  expect(error.message).toMatch(reason);
});
