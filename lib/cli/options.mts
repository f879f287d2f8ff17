// Options that several commands have, and what their help says of them.

import type { ArgumentsCamelCase, InferredOptionTypes, Options } from "yargs";
import { verifierNames } from "../options.js";
import {
  defaultMaxDraftTokens,
  defaultPolicyName,
  grammar,
  largestMaxDraftTokens,
  policyKinds,
} from "../policy/policies.js";
import { modelsDirOption } from "./downloads.mjs";

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
