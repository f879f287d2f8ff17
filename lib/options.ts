import {
  checkFunction,
  checkSignal,
  flag,
  invalid,
  isStrings,
  maxInt32,
  number,
  object,
  oneOf,
  whole,
} from "./checks";
import { SpecdecError } from "./errors";
import type { HeadKind } from "./head/examples";
import type { NativeSampling } from "./native/binding";
import { createPolicy, defaultPolicyName } from "./policy/policies";
import type { Policy } from "./policy/policy";

/** How the next token is drawn. Applied in this order: bias, penalties, top-k, top-p, min-p, temperature. */
export interface SamplingOptions {
  /** 0: always the most probable token; else 0.0001…10000, 1 is the model's own distribution. Default 0. */
  temperature?: number;
  /** Keep the k most probable tokens; 0 keeps all. Default 0. */
  topK?: number;
  /** Keep the fewest most probable tokens whose probabilities reach this, 0…1; 1 keeps all. Default 1. */
  topP?: number;
  /** Keep tokens at least this share as probable as the most probable, 0…1. Default 0. */
  minP?: number;
  /** Divides the logits of recent tokens, 0.0001…10000; 1 is off. Default 1. */
  repeatPenalty?: number;
  /** Subtracted from the logits of recent tokens, -10000…10000. Default 0. */
  presencePenalty?: number;
  /** Subtracted from the logits of recent tokens, once for each time they occur, -10000…10000. Default 0. */
  frequencyPenalty?: number;
  /** How many of the last tokens the penalties look at, 0 or more. Default 64. */
  penaltyWindow?: number;
  /**
   * The draft draws from its k most probable tokens alone, 0 or more; 0: from all that the settings
   * above leave. The text stays the target's; at large vocabularies a round costs less, and a little
   * less is accepted. Default 0.
   */
  draftTopK?: number;
  /** Added to the logits of tokens, by id: -10000…10000, or -Infinity, which bans one. */
  logitBias?: Readonly<Record<number, number>>;
  /** A whole number, 0…2^53-1. The same seed with the same sampling settings repeats a text, by the verifier "coupled". Default: random. */
  seed?: number;
}

/** All verifiers; a new one is a name here and a function in native/engine. */
export const verifierNames = [
  "greedy",
  "rejection",
  "block",
  "coupled",
  "match",
] as const satisfies readonly VerifierName[];

/**
 * How drafted tokens are verified. All are lossless: the text has the target's distribution.
 * - "greedy": keeps drafted tokens that are the target's most probable; temperature 0 alone.
 * - "rejection": rejection sampling with the residual (Leviathan et al. 2023).
 * - "block": block verification (Sun et al. 2024), which accepts most.
 * - "coupled": draft and target draw with the same noise, keyed by the seed and the position, and
 *   what is equal stays. The text is a function of seed, prompt and settings alone: the same with or
 *   without a draft, under every rule, at every speed, but where rounding decides a near tie.
 * - "match": draws from the target as plain decoding does and keeps what equals the draft's most
 *   probable token. It promises no text for a seed: rounding parts it from plain decoding's, mostly
 *   early.
 */
export type VerifierName = "greedy" | "rejection" | "block" | "coupled" | "match";

export interface GenerateOptions extends SamplingOptions {
  /** Tokens to generate at most, 1 or more. Default: as many as the context holds. */
  maxTokens?: number;
  /** The text ends before any of these strings. */
  stop?: string | readonly string[];
  /**
   * How long to draft: the name of a rule, such as "none" (plain decoding), "fixed:K" or
   * "confidence:P" (docs/stop-rules.md has them all), or a policy of your own. Default "throughput"
   * with a draft. The state of a named rule that adapts is the engine's and outlives the request.
   */
  stopRule?: string | Policy;
  /** Default: "greedy" at temperature 0; above "coupled" with a `seed`, so that it repeats the text, and "block" without. docs/verifiers.md compares them. */
  verifier?: VerifierName;
  /** Whether text such as "<|user|>" in the prompt stands for the control token of that name. Default true; set it to false for text you do not trust. */
  parseSpecial?: boolean;
  /** Also return the log-probability of each token under the target (temperature 1, before all settings). Default false. */
  logprobs?: boolean;
  /** Also return what every round drafted, in `rounds`. Costs a pass over the vocabulary for each drafted token. Default false. */
  details?: boolean;
  /**
   * Whether what the prompt begins with of the engine's text before stays in the caches of both models
   * instead of being evaluated again. false: everything is evaluated as if nothing had come before, and so
   * rounded the same. Default true.
   */
  reusePrefix?: boolean;
  /** Aborts the generation, which then rejects with ERR_ABORTED; the error's `partial` has what there was. */
  signal?: AbortSignal;
}

export interface TokenizeOptions {
  /** Whether text such as "<|user|>" stands for the control token of that name. Default true. */
  parseSpecial?: boolean;
}

export interface ResolvedGeneration {
  sampling: NativeSampling;
  maxTokens: number;
  stop: string[];
  /** A name stands for the engine's policy of that name, which keeps its state. */
  policy: Policy | string;
  verifier: VerifierName;
  parseSpecial: boolean;
  logprobs: boolean;
  details: boolean;
  reusePrefix: boolean;
}

/** What an engine has. */
interface EngineTraits {
  hasDraft: boolean;
  maxDraft: number;
  headKind?: HeadKind | undefined;
}

/** engine: what the engine has. */
export function resolveGeneration(
  given: GenerateOptions,
  engine: EngineTraits,
): ResolvedGeneration {
  const options = object("The options of a generation", given, generateKeys);
  checkSignal(options.signal);
  const sampling = resolveSampling(options);
  const stop = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  if (!isStrings(stop) || stop.includes("")) {
    throw invalid("stop", "a non-empty string, or an array of them", options.stop);
  }
  return {
    sampling,
    maxTokens: whole("maxTokens", options.maxTokens, maxInt32, 1, maxInt32),
    stop: [...stop],
    policy: resolvePolicy(options.stopRule, engine),
    verifier: resolveVerifier(options.verifier, sampling.temperature, options.seed !== undefined),
    parseSpecial: flag("parseSpecial", options.parseSpecial, true),
    logprobs: flag("logprobs", options.logprobs, false),
    details: flag("details", options.details, false),
    reusePrefix: flag("reusePrefix", options.reusePrefix, true),
  };
}

/** The value of parseSpecial. */
export function resolveTokenize(given: TokenizeOptions): boolean {
  const options = object("The options of tokenize", given, tokenizeKeys);
  return flag("parseSpecial", options.parseSpecial, true);
}

function resolvePolicy(given: unknown, engine: EngineTraits): Policy | string {
  const fallback = engine.hasDraft ? defaultPolicyName : "none";
  const policy = given ?? fallback;
  if (typeof policy !== "string" && !isPolicy(policy)) {
    throw invalid("stopRule", "the name of a rule, or a policy with a name and next()", given);
  }
  if (typeof policy !== "string") {
    for (const method of ["observe", "continues", "submits"] as const) {
      checkFunction(`stopRule.${method}`, Reflect.get(policy, method));
    }
    flag("stopRule.needsDetails", policy.needsDetails, false);
  }
  if (!engine.hasDraft && policy !== "none") {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `stopRule is ${JSON.stringify(typeof policy === "string" ? policy : policy.name)}, but the engine has no draft model. Give createEngine a draft, or use "none".`,
    );
  }
  if (typeof policy === "string") createPolicy(policy, engine.maxDraft, engine.headKind); // throws if it is not one
  return policy;
}

function isPolicy(value: unknown): value is Policy {
  const policy = value as Policy | null;
  return (
    typeof policy === "object" &&
    typeof policy?.name === "string" &&
    typeof policy.next === "function"
  );
}

/** seeded: whether the caller gave a seed, which the coupled verifier alone repeats whatever the clock says. */
export function resolveVerifier(
  name: VerifierName | undefined,
  temperature: number,
  seeded: boolean,
): VerifierName {
  const fallback = temperature === 0 ? "greedy" : seeded ? "coupled" : "block";
  const verifier = oneOf("verifier", name, fallback, verifierNames);
  if (verifier === "greedy" && temperature > 0) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `verifier "greedy" is for temperature 0, but temperature is ${temperature}. Use one of the others.`,
    );
  }
  // At temperature 0 every distribution is certain, and matching draws is greedy matching.
  return verifier === "greedy" ? "match" : verifier;
}

// What an option adds to a logit or multiplies it with at most, and the smallest factor. Far beyond
// all use, and far from what the engine's 32-bit numbers cannot hold, where no token would be possible.
const largest = 1e4;
const smallest = 1e-4;

export function resolveSampling(options: SamplingOptions): NativeSampling {
  return {
    temperature: resolveTemperature(options.temperature),
    topK: whole("topK", options.topK, 0, 0, maxInt32),
    topP: number("topP", options.topP, 1, Number.MIN_VALUE, 1),
    minP: number("minP", options.minP, 0, 0, 1),
    repeatPenalty: number("repeatPenalty", options.repeatPenalty, 1, smallest, largest),
    presencePenalty: number("presencePenalty", options.presencePenalty, 0, -largest, largest),
    frequencyPenalty: number("frequencyPenalty", options.frequencyPenalty, 0, -largest, largest),
    penaltyWindow: whole("penaltyWindow", options.penaltyWindow, 64, 0, maxInt32),
    draftTopK: whole("draftTopK", options.draftTopK, 0, 0, maxInt32),
    logitBias: resolveBias(options.logitBias),
    seed: whole("seed", options.seed, randomSeed(), 0, Number.MAX_SAFE_INTEGER),
  };
}

function resolveTemperature(given: number | undefined): number {
  if (given === undefined || given === 0) return 0;
  if (typeof given !== "number" || !(given >= smallest && given <= largest)) {
    throw invalid("temperature", `0, or a number, ${smallest} to ${largest}`, given);
  }
  return given;
}

function resolveBias(given: SamplingOptions["logitBias"]): NativeSampling["logitBias"] {
  if (given !== undefined && (typeof given !== "object" || Array.isArray(given))) {
    throw invalid("logitBias", "an object of token ids and numbers", given);
  }
  return Object.entries(given ?? {}).map(([token, bias]) => {
    if (!/^\d{1,9}$/.test(token)) throw invalid("a key of logitBias", "a token id", token);
    if (typeof bias !== "number" || !(bias === -Infinity || Math.abs(bias) <= largest)) {
      throw invalid(
        `logitBias[${token}]`,
        `a number, ${-largest} to ${largest}, or -Infinity`,
        bias,
      );
    }
    return [Number(token), bias] as const;
  });
}

/** 32 bits: short enough to be typed again. */
function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

export const samplingKeys = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "presencePenalty",
  "frequencyPenalty",
  "penaltyWindow",
  "draftTopK",
  "logitBias",
  "seed",
] satisfies (keyof SamplingOptions)[];

export const generateKeys = [
  ...samplingKeys,
  "maxTokens",
  "stop",
  "stopRule",
  "verifier",
  "parseSpecial",
  "logprobs",
  "details",
  "reusePrefix",
  "signal",
] satisfies (keyof GenerateOptions)[];

const tokenizeKeys = ["parseSpecial"] satisfies (keyof TokenizeOptions)[];
