import { availableParallelism } from "node:os";
import { checkFunction, flag, invalid, isStrings, maxInt32, object, oneOf, whole } from "./checks";
import type { DownloadProgress } from "./download/download";
import { checkDownloadOptions } from "./download/options";
import { SpecdecError } from "./errors";
import type { NativeModelOptions } from "./native/binding";
import { defaultMaxDraftTokens, largestMaxDraftTokens } from "./policy/policies";

/** How a KV cache stores its numbers. Quantized V caches need flash attention, which llama.cpp turns on where it can. */
export type CacheType = "f32" | "f16" | "bf16" | "q8_0" | "q5_1" | "q5_0" | "q4_1" | "q4_0";

/** Bytes a number takes in a cache of each type. */
export const cacheBytes: Record<CacheType, number> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  q8_0: 34 / 32,
  q5_1: 24 / 32,
  q5_0: 22 / 32,
  q4_1: 20 / 32,
  q4_0: 18 / 32,
};

/** A model to be loaded, and the context it works in. */
export interface ModelOptions {
  /** The GGUF file, of a split model its first part; or a URI, which is downloaded: see resolveModel. */
  path: string;
  /** Layers to put on the GPU, 0 or more. Default: all, if there is a GPU; 0 keeps the model on the processor. */
  gpuLayers?: number;
  /** The devices it may use, by the names that `devices()` lists. Default: every GPU. */
  devices?: readonly string[];
  /**
   * Threads for evaluation on the processor, 1 to 512: exactly so many. Default: as many as are
   * fastest, one a core that this process may use at most. What is fastest is measured while running:
   * fewer for small models, and where other programs take the cores.
   */
  threads?: number;
  /** Tokens that the context holds: prompt and output. Default: what the model was trained for, 4096 at most. */
  contextSize?: number;
  /** Type of the K cache. Default "f16". */
  kvTypeK?: CacheType;
  /** Type of the V cache. Default "f16". */
  kvTypeV?: CacheType;
  /** Map the file into memory instead of reading it. Default true. */
  mmap?: boolean;
  /** Keep the weights from being swapped out. Default false. */
  mlock?: boolean;
}

export interface EngineOptions {
  /** The model whose output is wanted: a path, or a path with options. */
  target: string | ModelOptions;
  /** A small model with the same vocabulary that proposes tokens. Without one, decoding is plain. */
  draft?: string | ModelOptions;
  /** The longest draft that a round may have, 1…64. Default 16. */
  maxDraftTokens?: number;
  /** The file of an acceptance head of the pair, for rules that ask one (docs/heads.md); needs a draft. */
  head?: string;
  /** Use the head although it was trained for other files, as long as vocabulary and state width are the same. Default false. */
  forceHead?: boolean;
  /** Called while the models load. fraction: 0…1 of that model. What it throws ends the loading and is what createEngine rejects with. */
  onLoadProgress?: (progress: { model: "target" | "draft"; fraction: number }) => void;
  /** Folder of models that were given as URIs. Default: node-llama-cpp's, `.node-llama-cpp/models` in the user's home. */
  modelsDirectory?: string;
  /** Called while a model is downloaded. What it throws ends the download and is what createEngine rejects with. */
  onDownloadProgress?: (progress: DownloadProgress) => void;
  /** Aborts downloading and loading. */
  signal?: AbortSignal;
}

export interface ResolvedModel extends NativeModelOptions {
  threads: number;
  adaptThreads: boolean;
  contextSize: number | undefined;
  kvTypeK: CacheType;
  kvTypeV: CacheType;
}

export function resolveModelOptions(
  name: "target" | "draft",
  given: string | ModelOptions,
): ResolvedModel {
  const options = typeof given === "string" ? { path: given } : object(name, given, modelKeys);
  const field = (key: string): string => `${name}.${key}`;
  if (typeof options.path !== "string" || options.path === "") {
    throw invalid(field("path"), "the path of a GGUF file, or a URI", options.path);
  }
  const devices: readonly string[] = options.devices ?? [];
  if (!isStrings(devices)) {
    throw invalid(field("devices"), "an array of device names", devices);
  }
  const types = Object.keys(cacheBytes) as CacheType[];
  return {
    path: options.path,
    gpuLayers: whole(field("gpuLayers"), options.gpuLayers, -1, 0, maxInt32),
    devices: [...devices],
    threads: whole(field("threads"), options.threads, availableParallelism(), 1, 512),
    adaptThreads: options.threads === undefined,
    contextSize:
      options.contextSize === undefined
        ? undefined
        : whole(field("contextSize"), options.contextSize, 0, 2, maxInt32),
    kvTypeK: oneOf(field("kvTypeK"), options.kvTypeK, "f16", types),
    kvTypeV: oneOf(field("kvTypeV"), options.kvTypeV, "f16", types),
    mmap: flag(field("mmap"), options.mmap, true),
    mlock: flag(field("mlock"), options.mlock, false),
  };
}

export interface ResolvedEngine {
  target: ResolvedModel;
  draft: ResolvedModel | undefined;
  maxDraft: number;
  head: string | undefined;
  forceHead: boolean;
}

export function resolveEngine(given: EngineOptions): ResolvedEngine {
  const options = object("createEngine's options", given, engineKeys);
  checkFunction("onLoadProgress", options.onLoadProgress);
  checkDownloadOptions(options);
  const head: unknown = options.head;
  if (head !== undefined && (typeof head !== "string" || head === "")) {
    throw invalid("head", "the path of a head file", head);
  }
  if (head !== undefined && options.draft === undefined) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      "A head tells of a draft's tokens, and the engine has no draft. Give one, or leave head out.",
    );
  }
  return {
    head,
    forceHead: flag("forceHead", options.forceHead, false),
    target: resolveModelOptions("target", options.target),
    draft: options.draft === undefined ? undefined : resolveModelOptions("draft", options.draft),
    maxDraft: whole(
      "maxDraftTokens",
      options.maxDraftTokens,
      defaultMaxDraftTokens,
      1,
      largestMaxDraftTokens,
    ),
  };
}

const modelKeys = [
  "path",
  "gpuLayers",
  "devices",
  "threads",
  "contextSize",
  "kvTypeK",
  "kvTypeV",
  "mmap",
  "mlock",
] satisfies (keyof ModelOptions)[];

export const engineKeys = [
  "target",
  "draft",
  "maxDraftTokens",
  "head",
  "forceHead",
  "onLoadProgress",
  "modelsDirectory",
  "onDownloadProgress",
  "signal",
] satisfies (keyof EngineOptions)[];
