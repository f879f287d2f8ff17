import { flag, invalid, maxInt32, object, oneOf, whole } from "../checks";
import { checkDownloadOptions } from "../download/options";
import {
  type EngineOptions,
  type ModelOptions,
  type ResolvedModel,
  resolveModelOptions,
} from "../engine-options";
import { SpecdecError } from "../errors";
import type { NativeSampling } from "../native/binding";
import {
  resolveSampling,
  resolveVerifier,
  samplingKeys,
  type SamplingOptions,
  type VerifierName,
} from "../options";
import type { TraceMode } from "./format";

/** What to log of a target and its draft, and where. */
export interface TraceOptions extends SamplingOptions {
  target: string | ModelOptions;
  draft: string | ModelOptions;
  /**
   * File of prompts: JSON lines (.jsonl) with the text under "prompt", "question" or "instruction", or
   * plain text with a prompt a line.
   */
  prompts: string;
  /** Folder of the trace. One that holds a trace of the same options is gone on with. */
  out: string;
  /**
   * "walk": drafts from every token of a reply, coupled to it, for replaying stop rules; "rounds": drafts
   * of real rounds; "paper": what SpecDec++ trains its head on. Default "walk".
   */
  mode?: TraceMode;
  /** The longest draft, 1…64. Default 20. */
  maxDraftTokens?: number;
  /** Tokens of a reply at most. Prompts that leave no room for them in the contexts are left out. Default 256. */
  maxTokens?: number;
  /** Prompts of the file to pass over. Default 0. */
  offset?: number;
  /** Prompts to trace at most. Default: all. */
  limit?: number;
  /** What is put around each prompt, which stands for "{prompt}" in it: "<|user|>{prompt}<|assistant|>". */
  template?: string;
  /** Whether to store the draft's hidden states, most of a trace's bytes. Default true. */
  states?: boolean;
  /** Mode "rounds" alone, with the default of generations; the others have the law of "rejection". */
  verifier?: VerifierName;
  /** Default 0, so that a trace is gone on with by the same options. */
  seed?: number;
  onLoadProgress?: EngineOptions["onLoadProgress"];
  /** Folder of models that were given as URIs; as of createEngine. */
  modelsDirectory?: string;
  onDownloadProgress?: NonNullable<EngineOptions["onDownloadProgress"]>;
  /** Called before the first prompt. */
  onStart?: (plan: TracePlan) => void;
  /** Called after every prompt. */
  onProgress?: (progress: TraceProgress) => void;
  /** Aborts the work; shards that are complete are kept. */
  signal?: AbortSignal;
}

/** What is about to be done. */
export interface TracePlan {
  prompts: number;
  /** Of these, in shards that are complete. */
  done: number;
  /** Of these, too long for the contexts. */
  skipped: number;
  /**
   * What the whole trace will take on the disk: by the shards that are complete; without any, if
   * replies have maxTokens and acceptance is usual. Replies that end before take less.
   */
  expectedBytes: number;
  /** Free on the disk now. */
  freeBytes: number;
}

/** How far a trace is. */
export interface TraceProgress {
  prompts: number;
  done: number;
  /** Tokens of replies that this call has traced. */
  tokens: number;
  /** Rows stored, and bytes; what was there before is counted in. */
  rows: number;
  sizeBytes: number;
  /** What the whole trace will take on the disk, if the prompts to come are as those that were. */
  expectedBytes: number;
}

export interface ResolvedTrace {
  target: ResolvedModel;
  draft: ResolvedModel;
  prompts: string;
  out: string;
  mode: TraceMode;
  maxDraft: number;
  maxTokens: number;
  offset: number;
  limit: number;
  template: string | undefined;
  states: boolean;
  sampling: NativeSampling;
  verifier: string;
}

/** Numbers must not depend on how busy the machine is, so threads are fixed. */
const traceThreads = 1;

export function resolveTrace(traceOptions: TraceOptions): ResolvedTrace {
  const options = object("trace's options", traceOptions, traceKeys);
  checkDownloadOptions(options);
  const { target, draft, prompts, out, template } = options;
  if ((draft as unknown) === undefined) {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", "trace needs a draft: it logs what one drafts.");
  }
  for (const [name, value] of Object.entries({ prompts, out })) {
    if (typeof value !== "string" || value === "") throw invalid(name, "a path", value);
  }
  if (template !== undefined && !(typeof template === "string" && template.includes("{prompt}"))) {
    throw invalid("template", 'a text with "{prompt}" in it', template);
  }
  const model = (name: "target" | "draft", value: string | ModelOptions): ResolvedModel => {
    const resolved = resolveModelOptions(name, value);
    const threads = resolved.adaptThreads ? traceThreads : resolved.threads;
    return { ...resolved, threads, adaptThreads: false };
  };
  const mode = oneOf("mode", options.mode, "walk", traceModes);
  const sampling = resolveSampling({ ...options, seed: options.seed ?? 0 });
  // At temperature 0 all verifiers are greedy matching.
  const hasLaw = mode !== "rounds" && sampling.temperature > 0;
  const given = options.verifier ?? (hasLaw ? "rejection" : undefined);
  const verifier = resolveVerifier(given, sampling.temperature, false);
  if (hasLaw && verifier !== "rejection") {
    throw invalid("verifier", `"rejection" in mode ${mode}, whose drafts have its law`, verifier);
  }
  return {
    target: model("target", target),
    draft: model("draft", draft),
    prompts,
    out,
    mode,
    maxDraft: whole("maxDraftTokens", options.maxDraftTokens, 20, 1, 64),
    maxTokens: whole("maxTokens", options.maxTokens, 256, 1, maxInt32),
    offset: whole("offset", options.offset, 0, 0, maxInt32),
    limit: whole("limit", options.limit, maxInt32, 1, maxInt32),
    template,
    states: flag("states", options.states, true),
    sampling,
    verifier,
  };
}

const traceModes = ["walk", "rounds", "paper"] as const satisfies TraceMode[];

const traceKeys = [
  "target",
  "draft",
  "prompts",
  "out",
  "mode",
  "maxDraftTokens",
  "maxTokens",
  "offset",
  "limit",
  "template",
  "states",
  "verifier",
  ...samplingKeys,
  "onLoadProgress",
  "modelsDirectory",
  "onDownloadProgress",
  "onStart",
  "onProgress",
  "signal",
] satisfies (keyof TraceOptions)[];
