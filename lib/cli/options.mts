import type { ArgumentsCamelCase, InferredOptionTypes, Options } from "yargs";
import {
  createEngine,
  type Engine,
  type EngineOptions,
  type GenerateOptions,
  type ModelOptions,
  SpecdecError,
} from "../index.js";
import { resolveGeneration, type ResolvedGeneration } from "../options.js";
import { LoadingBar } from "./loading-bar.mjs";

const number = { number: true, requiresArg: true } as const;
const string = { string: true, requiresArg: true } as const;

/** The models of an engine. */
export const modelOptions = {
  target: {
    ...string,
    demandOption: true,
    describe: "GGUF file of the model whose text is wanted",
  },
  draft: { ...string, describe: "GGUF file of a small model with the same vocabulary" },
  "context-size": {
    ...number,
    describe: "Tokens of prompt and text together",
    defaultDescription: "as trained, at most 4096",
  },
  "draft-context-size": {
    ...number,
    describe: "The same for the draft",
    defaultDescription: "--context-size",
  },
  "gpu-layers": {
    ...number,
    describe: "Layers on the GPU; 0: none",
    defaultDescription: "all, if there is a GPU",
  },
  "draft-gpu-layers": { ...number, describe: "The same for the draft" },
  threads: { ...number, describe: "Threads on the processor", defaultDescription: "one a core" },
  "draft-threads": {
    ...number,
    describe: "The same for the draft",
    defaultDescription: "--threads",
  },
} as const satisfies Record<string, Options>;

/** How tokens are drawn. */
export const samplingOptions = {
  temperature: {
    ...number,
    describe: "0: the most probable token; 1: as trained",
    defaultDescription: "0",
  },
  "top-k": {
    ...number,
    describe: "Of the most probable tokens, this many; 0: all",
    defaultDescription: "0",
  },
  "top-p": {
    ...number,
    describe: "Of the most probable tokens, this share; 1: all",
    defaultDescription: "1",
  },
  "min-p": {
    ...number,
    describe: "Tokens at least this share as probable as the first",
    defaultDescription: "0",
  },
  "repeat-penalty": {
    ...number,
    describe: "Divides the logits of recent tokens; 1: off",
    defaultDescription: "1",
  },
  "presence-penalty": {
    ...number,
    describe: "Taken from the logits of recent tokens",
    defaultDescription: "0",
  },
  "frequency-penalty": {
    ...number,
    describe: "The same, for each time they occurred",
    defaultDescription: "0",
  },
  seed: {
    ...number,
    describe: "Repeats a text with the same settings",
    defaultDescription: "random",
  },
} as const satisfies Record<string, Options>;

/** How the text is drafted and verified. */
export const decodingOptions = {
  "max-tokens": {
    ...number,
    describe: "Tokens to generate at most",
    defaultDescription: "what the context holds",
  },
  stop: {
    ...string,
    describe: "How long to draft: none, or fixed:K",
    defaultDescription: "fixed:4 with a draft",
  },
  verifier: {
    ...string,
    choices: ["greedy", "rejection", "match"] as const,
    describe: "How drafts are verified",
    defaultDescription: "greedy at temperature 0, else rejection",
  },
} as const satisfies Record<string, Options>;

type Camel<T extends Record<string, Options>> = Partial<ArgumentsCamelCase<InferredOptionTypes<T>>>;
export type ModelArguments = Camel<typeof modelOptions>;
export type GenerationArguments = Camel<typeof samplingOptions & typeof decodingOptions>;

/** The same options, under a heading of the help. */
export function grouped<T extends Record<string, Options>>(group: string, options: T): T {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { ...option, group }]),
  ) as T;
}

/** Without what was not given: an option of the library is either there or has a value. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** The longest draft that the library can be asked to prepare for, and what it prepares for unasked. */
const [maxDraftLimit, maxDraftDefault] = [64, 16];

/** The K of "fixed:K". */
function draftLength(stop: string | undefined): number {
  return Number(/^fixed:(\d+)$/.exec(stop ?? "")?.[1] ?? 0);
}

/** Throws ERR_INVALID_ARGUMENT if generating will: before the models, whose loading may take a minute. */
export function checkGeneration(
  options: GenerateOptions,
  args: { draft?: string | undefined; stop?: string | undefined },
): ResolvedGeneration {
  const { draft, stop } = args;
  if (draftLength(stop) > maxDraftLimit) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `K of --stop fixed:K must be 1 to ${maxDraftLimit}, but is ${draftLength(stop)}.`,
    );
  }
  if (draft === undefined && stop !== undefined && stop !== "none") {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `--stop ${stop} needs a draft. Give one with --draft, or use --stop none.`,
    );
  }
  return resolveGeneration(options, {
    hasDraft: draft !== undefined,
    maxDraft: maxDraftTokens(stop),
  });
}

/** Room for the draft that the stop rule asks for. */
function maxDraftTokens(stop: string | undefined): number {
  return Math.max(maxDraftDefault, draftLength(stop));
}

export function toEngineOptions(
  args: ModelArguments & { target: string; stop?: string | undefined },
): EngineOptions {
  const model = (path: string, options: Omit<ModelOptions, "path">): ModelOptions => ({
    path,
    ...options,
  });
  const { gpuLayers, threads, contextSize } = args;
  return {
    target: model(args.target, given({ gpuLayers, threads, contextSize })),
    ...(args.draft !== undefined && {
      draft: model(
        args.draft,
        given({
          gpuLayers: args.draftGpuLayers,
          threads: args.draftThreads ?? threads,
          contextSize: args.draftContextSize ?? contextSize,
        }),
      ),
    }),
    maxDraftTokens: maxDraftTokens(args.stop),
  };
}

export function toGenerateOptions(args: GenerationArguments): GenerateOptions {
  return given({
    temperature: args.temperature,
    topK: args.topK,
    topP: args.topP,
    minP: args.minP,
    repeatPenalty: args.repeatPenalty,
    presencePenalty: args.presencePenalty,
    frequencyPenalty: args.frequencyPenalty,
    seed: args.seed,
    maxTokens: args.maxTokens,
    stopRule: args.stop as GenerateOptions["stopRule"],
    verifier: args.verifier,
  });
}

/** Loads the models, with a progress bar if it takes long. */
export async function loadEngine(options: EngineOptions, signal: AbortSignal): Promise<Engine> {
  const bar = new LoadingBar();
  try {
    return await createEngine({
      ...options,
      signal,
      onLoadProgress: (progress) => {
        bar.update(progress);
      },
    });
  } finally {
    bar.stop();
  }
}

/** Throws for what yargs lets pass: no number for a number, and one value twice, which makes an array. */
export function checkValues(args: Record<string, unknown>): true {
  const many = ["_", "--", "stop-string", "stopString", "files"];
  const repeated = Object.keys(args).find(
    (name) => Array.isArray(args[name]) && !many.includes(name),
  );
  if (repeated !== undefined) {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", `--${kebab(repeated)} is given twice.`);
  }
  const unclear = Object.keys(args).find((name) => Number.isNaN(args[name]));
  if (unclear !== undefined) {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", `--${kebab(unclear)} must be a number.`);
  }
  return true;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A message of the library with its options called as they are here. */
export function inTermsOfOptions(message: string): string {
  const names = [
    ...Object.keys({ ...modelOptions, ...samplingOptions, ...decodingOptions }).filter(
      (name) => name !== "stop",
    ),
    "stop-rule",
  ].map((name) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
  const pattern = new RegExp(`\\b(?:(target|draft)\\.)?(${names.join("|")})\\b`, "g");
  return message.replace(pattern, (found, model: string | undefined, name: string) => {
    if (name === "stopRule") return "--stop";
    if (model === undefined && !/[A-Z]/.test(name)) return found; // an ordinary word
    return `--${model === "draft" ? "draft-" : ""}${kebab(name)}`;
  });
}
