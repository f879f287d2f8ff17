import type { ArgumentsCamelCase, InferredOptionTypes, Options } from "yargs";
import {
  createEngine,
  type Engine,
  type EngineOptions,
  type GenerateOptions,
  type ModelOptions,
  SpecdecError,
} from "../index.js";
import { resolveGeneration, type ResolvedGeneration, verifierNames } from "../options.js";
import {
  defaultMaxDraftTokens,
  defaultPolicyName,
  grammar,
  largestMaxDraftTokens,
  policyKinds,
} from "../policy/policies.js";
import { downloadReporter, modelsDirOption } from "./downloads.mjs";
import { ProgressBar } from "./progress-bar.mjs";

const number = { number: true, requiresArg: true } as const;
const string = { string: true, requiresArg: true } as const;

/** The models of an engine. */
export const modelOptions = {
  target: {
    ...string,
    demandOption: true,
    describe: "The model whose text is wanted: a GGUF file, or a URI that is downloaded",
  },
  draft: { ...string, describe: "A small model with the same vocabulary, the same way" },
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
  "draft-gpu-layers": {
    ...number,
    describe: "The same for the draft",
    defaultDescription: "--gpu-layers",
  },
  devices: {
    ...string,
    describe: "Devices to use, separated by commas: names of `specdecpp devices`",
    defaultDescription: "every GPU",
  },
  "draft-devices": {
    ...string,
    describe: "The same for the draft",
    defaultDescription: "--devices",
  },
  threads: {
    ...number,
    describe: "Threads on the processor, exactly so many",
    defaultDescription: "as many as are fastest",
  },
  "draft-threads": {
    ...number,
    describe: "The same for the draft",
    defaultDescription: "--threads",
  },
  ...modelsDirOption,
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
    describe: "How long to draft: a stop rule, see below",
    defaultDescription: `${defaultPolicyName} with a draft`,
  },
  "max-draft": {
    ...number,
    describe: `Tokens that a round drafts at most, 1 to ${largestMaxDraftTokens}`,
    defaultDescription: `${defaultMaxDraftTokens}, or the K of --stop`,
  },
  "draft-top-k": {
    ...number,
    describe: "The draft draws from this many of its most probable tokens; 0: as the target",
    defaultDescription: "0",
  },
  verifier: {
    ...string,
    choices: verifierNames,
    describe: "How drafts are verified",
    defaultDescription: "greedy at temperature 0; above coupled with --seed, block without",
  },
} as const satisfies Record<string, Options>;

/** The head that rules ask. */
export const headOptions = {
  head: { ...string, describe: "A head file of the pair, for rules that ask a head" },
  "force-head": {
    boolean: true,
    describe: "Use the head although it was trained for other files, such as another quantization",
  },
} as const satisfies Record<string, Options>;

type Camel<T extends Record<string, Options>> = Partial<ArgumentsCamelCase<InferredOptionTypes<T>>>;
export type ModelArguments = Camel<typeof modelOptions>;
export type GenerationArguments = Camel<typeof samplingOptions & typeof decodingOptions>;

/** What `--stop` takes, for the end of a help text. */
export function stopRuleHelp(): string {
  const width = Math.max(...policyKinds.map((kind) => grammar(kind).length));
  const lines = policyKinds.map((kind) => {
    const standard = kind.parameter?.default;
    const fallback = standard === undefined ? "" : ` (${kind.parameter?.name ?? ""} = ${standard})`;
    return `  ${grammar(kind).padEnd(width)}  ${kind.describe}${fallback}\n`;
  });
  return `Stop rules:\n${lines.join("")}`;
}

/** The same options, under a heading of the help. */
export function grouped<T extends Record<string, Options>>(group: string, options: T): T {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { ...option, group }]),
  ) as T;
}

/** Without what was not given: an option of the library is either there or has a value. */
export function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

interface HeadArguments {
  head?: string | undefined;
  forceHead?: boolean | undefined;
}

interface DraftingArguments {
  stop?: string | undefined;
  maxDraft?: number | undefined;
}

/** Throws ERR_INVALID_ARGUMENT if generating will: before the models, whose loading may take a minute. */
export function checkGeneration(
  options: GenerateOptions,
  args: DraftingArguments & HeadArguments & { draft?: string | undefined },
): ResolvedGeneration {
  const { draft, stop, head } = args;
  if (draft === undefined && stop !== undefined && stop !== "none") {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `--stop ${stop} needs a draft. Give one with --draft, or use --stop none.`,
    );
  }
  return resolveGeneration(options, {
    hasDraft: draft !== undefined,
    maxDraft: maxDraftTokens(args),
    headKind: head === undefined ? undefined : "full", // whichever it is: the file says it later
  });
}

/** As asked for, or room for the draft that the stop rule begins with. */
export function maxDraftTokens({ stop = "", maxDraft }: DraftingArguments): number {
  const [name, parameter] = stop.split(":");
  const counts = policyKinds.find((kind) => kind.name === name)?.parameter?.whole ?? false;
  const length = counts ? Number(parameter) || 0 : 0;
  return maxDraft ?? Math.min(Math.max(defaultMaxDraftTokens, length), largestMaxDraftTokens);
}

export function toEngineOptions(
  args: ModelArguments & DraftingArguments & HeadArguments & { target: string },
): EngineOptions {
  const model = (path: string, options: Omit<ModelOptions, "path">): ModelOptions => ({
    path,
    ...options,
  });
  const { gpuLayers, threads, contextSize } = args;
  const devices = args.devices?.split(",");
  return {
    target: model(args.target, given({ gpuLayers, devices, threads, contextSize })),
    ...(args.draft !== undefined && {
      draft: model(
        args.draft,
        given({
          gpuLayers: args.draftGpuLayers ?? gpuLayers,
          devices: args.draftDevices?.split(",") ?? devices,
          threads: args.draftThreads ?? threads,
          contextSize: args.draftContextSize ?? contextSize,
        }),
      ),
    }),
    maxDraftTokens: maxDraftTokens(args),
    ...given({ modelsDirectory: args.modelsDir }),
    ...given({ head: args.head, forceHead: args.forceHead }),
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
    draftTopK: args.draftTopK,
    seed: args.seed,
    maxTokens: args.maxTokens,
    stopRule: args.stop,
    verifier: args.verifier,
  });
}

/** Loads the models, with a progress bar if it takes long. */
export async function loadEngine(options: EngineOptions, signal: AbortSignal): Promise<Engine> {
  const bar = new ProgressBar();
  try {
    return await createEngine({
      ...options,
      signal,
      onDownloadProgress: downloadReporter(bar),
      onLoadProgress: ({ model, fraction }) => {
        bar.update(`Loading the ${model}`, fraction);
      },
    });
  } finally {
    bar.stop();
  }
}

/** Throws for what yargs lets pass: no number for a number, and one value twice, which makes an array. */
export function checkValues(args: Record<string, unknown>): true {
  const many = ["_", "--", "stop-string", "stopString", "files", "uris", "rule", "sweep"];
  if (String((args._ as unknown[])[0]) === "train") many.push("trace");
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

/** What the library calls otherwise. */
const otherNames: Record<string, string> = {
  stopRule: "--stop",
  maxDraftTokens: "--max-draft",
  maxAgeDays: "--max-age",
  modelsDirectory: "--models-dir",
  forceHead: "--force-head",
  tokenColumns: "--token-columns",
  batchSize: "--batch-size",
  learningRate: "--learning-rate",
  weightDecay: "--weight-decay",
  stateDropout: "--state-dropout",
  rejectionWeight: "--rejection-weight",
};

/** A message of the library with its options called as they are here. */
export function inTermsOfOptions(message: string): string {
  const names = [
    ...Object.keys({ ...modelOptions, ...samplingOptions, ...decodingOptions })
      .filter((name) => name !== "stop")
      .map((name) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())),
    ...Object.keys(otherNames),
  ];
  const pattern = new RegExp(`\\b(?:(target|draft)\\.)?(${names.join("|")})\\b`, "g");
  // What the library calls stop is no option of this name, which has its stopRule.
  const named = message.replace(/^stop must/, "--stop-string must");
  return named.replace(pattern, (found, model: string | undefined, name: string) => {
    const other = otherNames[name];
    if (other !== undefined) return other;
    if (model === undefined && !/[A-Z]/.test(name)) return found; // an ordinary word
    return `--${model === "draft" ? "draft-" : ""}${kebab(name)}`;
  });
}
