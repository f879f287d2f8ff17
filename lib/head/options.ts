import { availableParallelism } from "node:os";
import {
  checkFunction,
  checkSignal,
  flag,
  invalid,
  isStrings,
  number,
  object,
  oneOf,
  whole,
} from "../checks";
import type { HeadKind } from "./examples";
import type { EpochReport, TrainingPlan, TrainingProgress } from "./report";

/** How a head file stores matrices. */
export type HeadType = "f32" | "f16" | "q8_0";

/** What a head learns from, and how. */
export interface TrainHeadOptions {
  /** Folders of traces with hidden states, of one pair: walks or rounds; for kind "paper" also those of mode "paper". */
  trace: string | readonly string[];
  /** The head file. One that is there is replaced. */
  out: string;
  /**
   * "full": three outputs, from the draft's state and what is known of its distributions; "paper": SpecDec++'s
   * own (arXiv 2405.19715), from the state alone. Default "full".
   */
  kind?: HeadKind;
  /** Residual blocks, 0…4. Default 1; kind "paper" 3. */
  depth?: number;
  /** Whether the blocks share their weights, as in SpecDec++'s published heads. Default false. */
  tied?: boolean;
  /** Width of each output's own layer, 1…4096; kind "full" alone. Default 64. */
  hidden?: number;
  /**
   * Numbers that the head has of the drawn token itself, out of the draft's embedding of it, 0…128; kind "full"
   * alone. They take 2 bytes each for every token of the vocabulary. Default 32.
   */
  tokenColumns?: number;
  /** The draft's GGUF file, which token columns are made from. Default: where it was when it was traced. */
  draft?: string;
  /** Passes over the examples at most, 1…1000. Default 10. */
  epochs?: number;
  /** Epochs without a better loss on held-out prompts after which training ends, 1…1000. Default 3. */
  patience?: number;
  /** Examples of a step, 1…65536. Default 256. */
  batchSize?: number;
  /** The highest learning rate, 1e-8…1: it rises over the first 3 % of steps and then falls to 0 along a cosine. Default 0.001. */
  learningRate?: number;
  /** AdamW's weight decay on matrices, 0…10. Default 0.1. */
  weightDecay?: number;
  /**
   * The share of a state's numbers that a training step leaves out, 0…0.9: so that what is learnt of states holds
   * for other texts too. Default 0.3; kind "paper" 0.
   */
  stateDropout?: number;
  /** The weight of rejections in the loss, 0.01…100; SpecDec++ tries 1, 3, 6 and 12. Default 1, which learns probabilities. */
  rejectionWeight?: number;
  /** Whether to calibrate on held-out prompts. Default true; false keeps the scores as trained. */
  calibrate?: boolean;
  /** How the file stores matrices. Default "f16". */
  type?: HeadType;
  /** A whole number, 0…2^32-1: of the first weights, the order and the split. The same options give the same bytes. Default 0. */
  seed?: number;
  /** Threads, 1…512; the bytes do not depend on them. Default: one a core. */
  threads?: number;
  /** Called when the examples are read. */
  onStart?: (plan: TrainingPlan) => void;
  /** Called now and then. */
  onProgress?: (progress: TrainingProgress) => void;
  /** Called after every epoch, also after those that a checkpoint has. */
  onEpoch?: (epoch: EpochReport) => void;
  /** Aborts the training; the checkpoint of the last whole epoch is kept. */
  signal?: AbortSignal;
}

export type ResolvedTraining = Required<
  Omit<TrainHeadOptions, "trace" | "draft" | "onStart" | "onProgress" | "onEpoch" | "signal">
> & { traces: readonly string[]; draft: string | undefined };

export function resolveTraining(given: TrainHeadOptions): ResolvedTraining {
  const options = object("trainHead's options", given, keys);
  checkSignal(options.signal);
  for (const name of ["onStart", "onProgress", "onEpoch"] as const) {
    checkFunction(name, options[name]);
  }
  const traces = typeof options.trace === "string" ? [options.trace] : options.trace;
  if (!isStrings(traces) || traces.length === 0 || traces.includes("")) {
    throw invalid("trace", "the folder of a trace, or an array of them", options.trace);
  }
  if (typeof options.out !== "string" || options.out === "") {
    throw invalid("out", "the path of a file", options.out);
  }
  const kind = oneOf("kind", options.kind, "full", ["full", "paper"]);
  if (options.draft !== undefined && (typeof options.draft !== "string" || options.draft === "")) {
    throw invalid("draft", "the path of a GGUF file", options.draft);
  }
  if (kind === "paper" && options.hidden !== undefined) {
    throw invalid("hidden", 'left out for kind "paper", which has no such layer', options.hidden);
  }
  return {
    traces: [...traces],
    out: options.out,
    kind,
    depth: whole("depth", options.depth, kind === "paper" ? 3 : 1, 0, 4),
    tied: flag("tied", options.tied, false),
    hidden: kind === "paper" ? 0 : whole("hidden", options.hidden, 64, 1, 4096),
    tokenColumns: kind === "paper" ? 0 : whole("tokenColumns", options.tokenColumns, 32, 0, 128),
    draft: options.draft,
    epochs: whole("epochs", options.epochs, 10, 1, 1000),
    patience: whole("patience", options.patience, 3, 1, 1000),
    batchSize: whole("batchSize", options.batchSize, 256, 1, 65536),
    learningRate: number("learningRate", options.learningRate, 1e-3, 1e-8, 1),
    weightDecay: number("weightDecay", options.weightDecay, 0.1, 0, 10),
    stateDropout: number("stateDropout", options.stateDropout, kind === "paper" ? 0 : 0.3, 0, 0.9),
    rejectionWeight: number("rejectionWeight", options.rejectionWeight, 1, 0.01, 100),
    calibrate: flag("calibrate", options.calibrate, true),
    type: oneOf("type", options.type, "f16", ["f32", "f16", "q8_0"]),
    seed: whole("seed", options.seed, 0, 0, 2 ** 32 - 1),
    threads: whole("threads", options.threads, availableParallelism(), 1, 512),
  };
}

const keys = [
  "trace",
  "out",
  "kind",
  "depth",
  "tied",
  "hidden",
  "tokenColumns",
  "draft",
  "epochs",
  "patience",
  "batchSize",
  "learningRate",
  "weightDecay",
  "stateDropout",
  "rejectionWeight",
  "calibrate",
  "type",
  "seed",
  "threads",
  "onStart",
  "onProgress",
  "onEpoch",
  "signal",
] satisfies (keyof TrainHeadOptions)[];
