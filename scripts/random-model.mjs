// Writes a model of random weights with the vocabulary of another, of any size: for prices of large
// targets, and for drafts that are of no use. It writes nonsense. Usage:
// node scripts/random-model.mjs OUT [--like FILE --layers N --width N --type f16|q8_0 --seed N]

import { closeSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const deviation = 0.02; // as models are initialised
const alignment = 32;
const blockLength = 32; // numbers in a block of Q8_0

/** @typedef {{ like: string, out: string, layers: number, width: number, type: "f16" | "q8_0", seed: number }} RandomModel */

/**
 * Writes a llama of `layers` layers, `width` wide, a multiple of the heads of `like`, whose metadata it
 * gets, the vocabulary above all.
 * @param {RandomModel} model
 */
export function writeRandomModel({ like, out, layers, width, type, seed }) {
  const { values, numbers } = readMetadata(like);
  const headWidth =
    (numbers.get("llama.embedding_length") ?? NaN) /
    (numbers.get("llama.attention.head_count") ?? NaN);
  const vocabulary = numbers.get("llama.vocab_size") ?? NaN;
  if (!(width > 0 && width % headWidth === 0 && width % blockLength === 0 && vocabulary > 0)) {
    throw new Error(
      `${like} must be a llama, and the width a multiple of ${headWidth} and of ${blockLength}`,
    );
  }
  const inner = Math.ceil((2.75 * width) / blockLength) * blockLength;
  const shape = {
    "llama.embedding_length": width,
    "llama.block_count": layers,
    "llama.feed_forward_length": inner,
    "llama.attention.head_count": width / headWidth,
    "llama.attention.head_count_kv": width / headWidth,
    "general.file_type": type === "f16" ? 1 : 7,
  };
  const kept = values.filter(({ key }) => !(key in shape) && key !== "general.name");
  const metadata = [
    ...kept.map(({ bytes }) => bytes),
    ...Object.entries(shape).map(([key, value]) =>
      Buffer.concat([string(key), uint32(4), uint32(value)]),
    ),
    Buffer.concat([
      string("general.name"),
      uint32(8),
      string(`random weights, ${layers} x ${width}`),
    ]),
  ];
  const tensors = [
    matrix("token_embd", width, vocabulary),
    vector("output_norm", width),
    ...Array.from({ length: layers }, (_, i) => [
      vector(`blk.${i}.attn_norm`, width),
      ...["q", "k", "v", "output"].map((name) => matrix(`blk.${i}.attn_${name}`, width, width)),
      vector(`blk.${i}.ffn_norm`, width),
      matrix(`blk.${i}.ffn_gate`, width, inner),
      matrix(`blk.${i}.ffn_up`, width, inner),
      matrix(`blk.${i}.ffn_down`, inner, width),
    ]).flat(),
  ];
  const partial = `${out}.partial`;
  const file = openSync(partial, "w");
  try {
    write(file, metadata, tensors, type, seed);
  } finally {
    closeSync(file);
  }
  renameSync(partial, out);
}

/** @typedef {{ name: string, dimensions: number[] }} Tensor */

/** @type {(name: string, ...dimensions: number[]) => Tensor} */
const matrix = (name, ...dimensions) => ({ name: `${name}.weight`, dimensions });
const vector = matrix;

/**
 * @param {number} file
 * @param {Buffer[]} metadata
 * @param {Tensor[]} tensors
 * @param {RandomModel["type"]} type
 * @param {number} seed
 */
function write(file, metadata, tensors, type, seed) {
  const random = randomBytesOf(type, seed);
  const typeNumber = type === "f16" ? 1 : 8;
  const size = (/** @type {Tensor} */ { dimensions }) =>
    dimensions.length === 1
      ? 4 * (dimensions[0] ?? 0)
      : (dimensions.reduce((a, b) => a * b) / blockLength) * random.blockBytes;
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const { name, dimensions } = tensor;
    const info = Buffer.concat([
      string(name),
      uint32(dimensions.length),
      ...dimensions.map(uint64),
      uint32(dimensions.length === 1 ? 0 : typeNumber),
      uint64(offset),
    ]);
    offset += Math.ceil(size(tensor) / alignment) * alignment;
    return info;
  });
  const counts = [uint32(3), uint64(tensors.length), uint64(metadata.length)];
  const header = Buffer.concat([Buffer.from("GGUF"), ...counts, ...metadata, ...infos]);
  writeSync(file, padded(header));
  for (const tensor of tensors) {
    const bytes = size(tensor);
    if (tensor.dimensions.length === 1) {
      writeSync(file, padded(Buffer.from(new Float32Array(bytes / 4).fill(1).buffer)));
    } else {
      for (let done = 0; done < bytes;) {
        const piece = random.next(bytes - done);
        writeSync(file, piece);
        done += piece.length;
      }
      writeSync(file, Buffer.alloc((alignment - (bytes % alignment)) % alignment));
    }
  }
}

/**
 * Normally distributed weights in their type. A pool of them is used over and over: its length is prime,
 * so that no two rows of a matrix are the same.
 * @param {RandomModel["type"]} type
 * @param {number} seed
 */
function randomBytesOf(type, seed) {
  const blocks = 32749;
  const blockBytes = type === "f16" ? 2 * blockLength : 2 + blockLength;
  const pool = Buffer.alloc(blocks * blockBytes);
  const normal = normals(seed);
  for (let block = 0; block < blocks; ++block) {
    const at = block * blockBytes;
    const weights = Array.from({ length: blockLength }, () => deviation * normal());
    if (type === "f16") {
      weights.forEach((weight, i) => pool.writeUInt16LE(half(weight), at + 2 * i));
    } else {
      const scale = Math.max(...weights.map(Math.abs)) / 127;
      pool.writeUInt16LE(half(scale), at);
      weights.forEach((weight, i) => pool.writeInt8(Math.round(weight / scale), at + 2 + i));
    }
  }
  let place = 0;
  return {
    blockBytes,
    /** The next bytes, as many as are left of the pool and no more than asked for. */
    next(/** @type {number} */ most) {
      const piece = pool.subarray(place, Math.min(pool.length, place + most));
      place = (place + piece.length) % pool.length;
      return piece;
    },
  };
}

/** @param {number} seed */
function normals(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The bits of the nearest 16-bit float, of what is less than 1. */
function half(/** @type {number} */ value) {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-9)));
  const mantissa = Math.round((size / 2 ** exponent) * 1024);
  // A mantissa below 1024 is a subnormal's; one of 2048 carries into the exponent, as it should.
  return sign | (mantissa < 1024 ? mantissa : ((exponent + 15) << 10) + mantissa - 1024);
}

/** @param {number} value */
function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** @param {number} value */
function uint64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** @param {string} text */
function string(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

/** @param {Buffer} bytes */
function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
}

/** Bytes of GGUF's types by their numbers; 8 is a string, 9 an array. */
const sizes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

/**
 * The metadata of a GGUF file as bytes, and its whole numbers.
 * @param {string} file
 */
function readMetadata(file) {
  const data = readFileSync(file);
  let at = 16; // behind magic, version and the number of tensors
  const count = Number(data.readBigUInt64LE(at));
  at += 8;
  const text = () => {
    const length = Number(data.readBigUInt64LE(at));
    at += 8 + length;
    return data.toString("utf8", at - length, at);
  };
  const skip = (/** @type {number} */ type) => {
    const size = sizes[type];
    if (size === undefined) text();
    else at += size;
  };
  /** @type {Map<string, number>} */
  const numbers = new Map();
  const values = Array.from({ length: count }, () => {
    const start = at;
    const key = text();
    const type = data.readUInt32LE(at);
    at += 4;
    if (type === 4) numbers.set(key, data.readUInt32LE(at));
    if (type === 9) {
      const elementType = data.readUInt32LE(at);
      const length = Number(data.readBigUInt64LE(at + 4));
      at += 12;
      for (let i = 0; i < length; ++i) skip(elementType);
    } else {
      skip(type);
    }
    return { key, bytes: data.subarray(start, at) };
  });
  return { values, numbers };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: {
      like: {
        type: "string",
        default: path.join(import.meta.dirname, "../models/demo/draft.gguf"),
      },
      layers: { type: "string", default: "2" },
      width: { type: "string", default: "128" },
      type: { type: "string", default: "f16" },
      seed: { type: "string", default: "1" },
    },
    allowPositionals: true,
  });
  const [out] = positionals;
  if (out === undefined || !["f16", "q8_0"].includes(values.type)) {
    throw new Error(
      "node scripts/random-model.mjs OUT [--like FILE --layers N --width N --type f16|q8_0 --seed N]",
    );
  }
  writeRandomModel({
    ...values,
    out,
    layers: Number(values.layers),
    width: Number(values.width),
    type: /** @type {RandomModel["type"]} */ (values.type),
    seed: Number(values.seed),
  });
}
