// Files of tensors in the safetensors form: a length of 8 bytes, that much JSON, then the numbers.

import { open } from "node:fs/promises";
import { SpecdecError } from "../errors";
import { checkModelFile } from "../model";

export interface Tensor {
  shape: number[];
  values: Float32Array;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Far beyond the header of any head. */
const maxHeaderBytes = 2 ** 24;

/** All tensors of a file by their names. Throws ERR_FILE_NOT_FOUND or ERR_MODEL_LOAD. */
export async function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  checkModelFile(path);
  const fail = (why: string, cause?: unknown): SpecdecError =>
    new SpecdecError(
      "ERR_MODEL_LOAD",
      `${path} is not a readable safetensors file: ${why}. Check that it is complete; save a PyTorch state dict with safetensors.torch.save_file.`,
      { cause },
    );
  await using file = await open(path);
  const { size } = await file.stat();
  const read = async (from: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    if (bytesRead < length) throw fail("it ends before its data do");
    return buffer;
  };
  if (size < 8) throw fail("it is too short");
  const headerBytes = Number((await read(0, 8)).readBigUInt64LE());
  // A zip, which is what PyTorch itself saves, begins with other bytes and so with a length of nonsense.
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > size) throw fail("its header has no end");
  let header: Record<string, Partial<Entry> | null> | null;
  try {
    header = JSON.parse((await read(8, headerBytes)).toString("utf8")) as typeof header;
  } catch (error) {
    if (SpecdecError.isInstance(error)) throw error;
    throw fail("its header is not JSON", error);
  }
  const tensors = new Map<string, Tensor>();
  if (typeof header !== "object" || header === null) throw fail("its header is not an object");
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    if (typeof dtype !== "string" || !Array.isArray(shape) || !Array.isArray(offsets)) {
      throw fail(`${name} has no dtype, shape and data_offsets`);
    }
    const type = Object.hasOwn(readers, dtype) ? readers[dtype] : undefined;
    if (type === undefined) {
      throw fail(`${name} is of type ${dtype}, and ${Object.keys(readers).join(", ")} are known`);
    }
    const [from, to] = offsets;
    const count = shape.reduce((product, each) => product * each, 1);
    if (to - from !== count * type.bytes || from < 0 || 8 + headerBytes + to > size) {
      throw fail(`${name} is not as long as its shape [${shape.join(", ")}]`);
    }
    const bytes = await read(8 + headerBytes + from, to - from);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const values = Float32Array.from({ length: count }, (_, i) => type.read(view, i * type.bytes));
    tensors.set(name, { shape, values });
  }
  return tensors;
}

const readers: Record<string, { bytes: number; read(view: DataView, at: number): number }> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
};

/** IEEE 754 half precision. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32. */
function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}
