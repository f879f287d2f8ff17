// What was given on the command line, as the library takes it.

import {
  type EngineOptions,
  type GenerateOptions,
  type ModelOptions,
  SpecdecError,
} from "../index.js";
import { resolveGeneration, type ResolvedGeneration } from "../options.js";
import { defaultMaxDraftTokens, largestMaxDraftTokens, policyKinds } from "../policy/policies.js";
import type { GenerationArguments, ModelArguments } from "./options.mjs";

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
