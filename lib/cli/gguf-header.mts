// The header of a GGUF file: its keys and the places of its tensors (ggml's docs/gguf.md). Checked as
// it is read: node-llama-cpp's reader takes what lies behind the end of a file for zeros, and a length
// of nonsense aborts its process.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export type GgufValue = string | number | boolean | GgufValue[];

export interface GgufTensor {
  dimensions: number[];
  /** ggml's number of its type. */
  type: number;
  /** From the start of the data. */
  offset: number;
}

export interface GgufHeader {
  values: Map<string, GgufValue>;
  tensors: GgufTensor[];
  /** Where the data starts. */
  dataOffset: number;
  /** Of the file. */
  sizeBytes: number;
}

/** Reads a header; throws an Error that says what is wrong with it. */
export function readGgufHeader(path: string): GgufHeader {
  const file = openSync(path, "r");
  try {
    return parse(new Cursor(file));
  } finally {
    closeSync(file);
  }
}

function parse(cursor: Cursor): GgufHeader {
  if (cursor.size < 4 || cursor.take(4).toString("latin1") !== "GGUF") {
    throw new Error('it does not begin with "GGUF"');
  }
  const version = cursor.uint32();
  if (version !== 2 && version !== 3) throw new Error(`its version is ${version}, not 2 or 3`);
  const tensorCount = cursor.uint64();
  const valueCount = cursor.uint64();

  const values = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; ++i) {
    const key = cursor.string();
    values.set(key, readValue(cursor, cursor.uint32()));
  }
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; ++i) {
    cursor.string(); // its name
    const dimensions = Array.from({ length: cursor.dimensions() }, () => cursor.uint64());
    tensors.push({ dimensions, type: cursor.uint32(), offset: cursor.uint64() });
  }
  const alignment = values.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || !(alignment > 0)) {
    throw new Error(`its alignment is ${String(alignment)}`);
  }
  const dataOffset = Math.ceil(cursor.offset / alignment) * alignment;
  return { values, tensors, dataOffset, sizeBytes: cursor.size };
}

const arrayType = 9;

/** Types of values by their numbers. */
const readers: Record<number, (cursor: Cursor) => GgufValue> = {
  0: (cursor) => cursor.take(1).readUInt8(),
  1: (cursor) => cursor.take(1).readInt8(),
  2: (cursor) => cursor.take(2).readUInt16LE(),
  3: (cursor) => cursor.take(2).readInt16LE(),
  4: (cursor) => cursor.uint32(),
  5: (cursor) => cursor.take(4).readInt32LE(),
  6: (cursor) => cursor.take(4).readFloatLE(),
  7: (cursor) => cursor.take(1).readUInt8() !== 0,
  8: (cursor) => cursor.string(),
  10: (cursor) => cursor.uint64(),
  11: (cursor) => Number(cursor.take(8).readBigInt64LE()),
  12: (cursor) => cursor.take(8).readDoubleLE(),
};

function readValue(cursor: Cursor, type: number): GgufValue {
  if (type === arrayType) {
    const elementType = cursor.uint32();
    const length = cursor.uint64();
    const values: GgufValue[] = [];
    for (let i = 0; i < length; ++i) values.push(readElement(cursor, elementType));
    return values;
  }
  return readElement(cursor, type);
}

function readElement(cursor: Cursor, type: number): GgufValue {
  const read = readers[type];
  if (read === undefined) throw new Error(`it has a value of unknown type ${type}`);
  return read(cursor);
}

/** Headers are a few megabytes, most of it vocabulary; one that goes on and on is none. */
const maxHeaderBytes = 2 ** 28;

const firstReadBytes = 2 ** 20;

/** A place in a file, which moves on with what is read. */
class Cursor {
  readonly size: number;
  offset = 0;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(private readonly file: number) {
    this.size = fstatSync(file).size;
  }

  take(length: number): Buffer {
    const end = this.offset + length;
    if (end > this.size) throw new Error("it ends within its header");
    if (end > maxHeaderBytes) throw new Error("its header has no end");
    if (end > this.#buffer.length) this.#read(end);
    const bytes = this.#buffer.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  uint64(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  string(): string {
    return this.take(this.uint64()).toString("utf8");
  }

  /** How many dimensions a tensor has. */
  dimensions(): number {
    const count = this.uint32();
    if (count > 4) throw new Error(`it has a tensor of ${count} dimensions`);
    return count;
  }

  /** Reads the file from its start to `end` or beyond. */
  #read(end: number): void {
    const wanted = Math.min(this.size, Math.max(firstReadBytes, 2 * end));
    const buffer = Buffer.alloc(wanted);
    let filled = 0;
    while (filled < wanted) {
      const count = readSync(this.file, buffer, filled, wanted - filled, filled);
      if (count === 0) throw new Error("it became shorter while it was read");
      filled += count;
    }
    this.#buffer = buffer;
  }
}
