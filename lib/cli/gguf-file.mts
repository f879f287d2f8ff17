// What a GGUF file is, from its header alone.

import { SpecdecError } from "../index.js";
import { checkModelFile } from "../model.js";
import { type GgufHeader, type GgufValue, readGgufHeader } from "./gguf-header.mjs";
import { partPaths } from "../gguf-parts.js";
import { elements, tensorSizeBytes } from "./tensor-size.mjs";
import { type Vocabulary, vocabularyOf } from "./vocabulary.mjs";

export interface GgufFile {
  path: string;
  name: string | undefined;
  architecture: string;
  parameters: number;
  quantization: string | undefined;
  /** Of all parts. */
  sizeBytes: number;
  /** Bytes of tensors that the header promises and the file does not have. */
  missingBytes: number;
  weightsBytes: number;
  layers: number;
  width: number;
  trainedContextSize: number;
  /** Numbers that one token keeps in the K cache and in the V cache, over all layers; 0 without attention. */
  cacheWidthK: number;
  cacheWidthV: number;
  /** It keeps a state that cannot take back tokens, in all layers or in some. */
  recurrent: boolean;
  hasChatTemplate: boolean;
  licence: string | undefined;
  vocabulary: Vocabulary;
}

/** llama.cpp's llama_ftype: the names of quantizations by their numbers. */
const quantizations =
  `F32 F16 Q4_0 Q4_1 ? ? ? Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M
  Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS
  IQ1_M BF16 ? ? ? TQ1_0 TQ2_0 MXFP4_MOE NVFP4 Q1_0 Q2_0`.split(/\s+/);

/** Throws ERR_FILE_NOT_FOUND or ERR_MODEL_LOAD. */
export function readGgufFile(path: string): GgufFile {
  const first = readPart(path);
  const model = new Metadata(first.values);
  const architecture = model.string("general.architecture");
  if (architecture === undefined || architecture === "") {
    throw unreadable(path, "it does not name an architecture");
  }
  const isSplit = (model.number("split.count") ?? 1) > 1;
  const parts = [first, ...(isSplit ? partPaths(path).slice(1).map(readPart) : [])];
  const tensors = parts.flatMap((part) => part.tensors);
  return {
    path,
    name: model.string("general.name"),
    architecture,
    parameters: sum(tensors.map(elements)),
    quantization: quantizations[model.number("general.file_type") ?? -1],
    sizeBytes: sum(parts.map((part) => part.sizeBytes)),
    missingBytes: sum(parts.map(missingBytes)),
    weightsBytes: sum(tensors.map(tensorSizeBytes)),
    ...shape(model, architecture),
    recurrent: ["ssm", "wkv", "shortconv"].some((kind) => model.hasAny(`${architecture}.${kind}.`)),
    hasChatTemplate: model.string("tokenizer.chat_template") !== undefined,
    licence: model.string("general.license"),
    vocabulary: vocabularyOf(first.values),
  };
}

function readPart(path: string): GgufHeader {
  checkModelFile(path);
  try {
    return readGgufHeader(path);
  } catch (cause) {
    throw unreadable(path, (cause as Error).message, cause);
  }
}

function unreadable(path: string, why: string, cause?: unknown): SpecdecError {
  return new SpecdecError(
    "ERR_MODEL_LOAD",
    `${path} is not a readable GGUF file: ${why}. Check the path, and that the download is complete.`,
    { cause },
  );
}

function missingBytes({ tensors, dataOffset, sizeBytes }: GgufHeader): number {
  const end = tensors.reduce(
    (furthest, tensor) => Math.max(furthest, dataOffset + tensor.offset + tensorSizeBytes(tensor)),
    0,
  );
  return Math.max(0, end - sizeBytes);
}

class Metadata {
  constructor(private readonly values: ReadonlyMap<string, GgufValue>) {}

  hasAny(prefix: string): boolean {
    return [...this.values.keys()].some((key) => key.startsWith(prefix));
  }

  string(key: string): string | undefined {
    const value = this.values.get(key);
    return typeof value === "string" ? value : undefined;
  }

  number(key: string): number | undefined {
    const value = this.values.get(key);
    return typeof value === "number" ? value : undefined;
  }

  /** A number that may differ from layer to layer, summed over them. */
  total(key: string, layers: number): number | undefined {
    const value = this.values.get(key);
    if (Array.isArray(value)) return sum(value.map(Number));
    return typeof value === "number" ? value * layers : undefined;
  }
}

function shape(model: Metadata, architecture: string) {
  const key = (name: string): string => `${architecture}.${name}`;
  const layers = model.number(key("block_count")) ?? 0;
  const width = model.number(key("embedding_length")) ?? 0;
  const heads = model.number(key("attention.head_count")) ?? 1;
  const headWidth = heads > 0 ? width / heads : 0; // 0 heads: no attention, as in Mamba
  const cachedHeads =
    model.total(key("attention.head_count_kv"), layers) ??
    model.total(key("attention.head_count"), layers) ??
    0;
  return {
    layers,
    width,
    trainedContextSize: model.number(key("context_length")) ?? 0,
    cacheWidthK: cachedHeads * (model.number(key("attention.key_length")) ?? headWidth),
    cacheWidthV: cachedHeads * (model.number(key("attention.value_length")) ?? headWidth),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
