// A GGUF file (version 3) in two parts, as llama.cpp's gguf-split writes them.

/** The parts of a model: half of its tensors in each. */
export function splitGguf(file: Buffer): [Buffer, Buffer] {
  const { keys, keyCount, tensors, data } = read(file);
  const middle = tensors.length >> 1;
  const splitKeys = (number: number): Buffer =>
    Buffer.concat([
      key("split.no", 2, uint16(number)),
      key("split.count", 2, uint16(2)),
      key("split.tensors.count", 5, uint32(tensors.length)),
    ]);
  const part = (
    number: number,
    ownKeys: Buffer,
    ownKeyCount: number,
    own: readonly Tensor[],
  ): Buffer => {
    let offset = 0;
    const infos = own.map(({ info, bytes }) => {
      const entry = Buffer.concat([info, uint64(offset)]);
      offset += aligned(bytes.length);
      return entry;
    });
    const header = Buffer.concat([
      file.subarray(0, 8),
      uint64(own.length),
      uint64(ownKeyCount + 3),
      ownKeys,
      splitKeys(number),
      ...infos,
    ]);
    return Buffer.concat([header, ...own.map(({ bytes }) => bytes)].map(padded));
  };
  const withData = tensors.map((tensor, i) => ({
    ...tensor,
    bytes: data.subarray(tensor.offset, tensors[i + 1]?.offset),
  }));
  return [
    part(0, keys, keyCount, withData.slice(0, middle)),
    part(1, Buffer.alloc(0), 0, withData.slice(middle)),
  ];
}

interface Tensor {
  /** Name, dimensions and type. */
  info: Buffer;
  offset: number;
  bytes: Buffer;
}

const alignment = 32;
const aligned = (size: number): number => Math.ceil(size / alignment) * alignment;

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  return Buffer.concat([uint32(value), uint32(0)]);
}

function key(name: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([uint64(name.length), Buffer.from(name), uint32(type), value]);
}

/** Bytes of a value by its type; strings (8) and arrays (9) say theirs. */
const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** Keys and tensors as they stand; the tensors must be in the order of their data. */
function read(file: Buffer) {
  let at = 24;
  const number = (): number => Number(file.readBigUInt64LE((at += 8) - 8));
  const type = (): number => file.readUInt32LE((at += 4) - 4);
  const skip = (size: number): void => {
    at += size;
  };
  const skipValue = (kind: number): void => {
    if (kind === 8) skip(number());
    else if (kind === 9) {
      const elementKind = type();
      const count = number();
      for (let i = 0; i < count; ++i) skipValue(elementKind);
    } else skip(sizes[kind] ?? 0);
  };
  const tensorCount = Number(file.readBigUInt64LE(8));
  const keyCount = Number(file.readBigUInt64LE(16));
  for (let i = 0; i < keyCount; ++i) {
    skip(number());
    skipValue(type());
  }
  const keys = file.subarray(24, at);
  const tensors: Tensor[] = [];
  for (let i = 0; i < tensorCount; ++i) {
    const start = at;
    skip(number());
    skip(8 * type() + 4);
    const info = file.subarray(start, at);
    tensors.push({ info, offset: number(), bytes: Buffer.alloc(0) });
  }
  return { keys, keyCount, tensors, data: file.subarray(aligned(at)) };
}
