// What is told of a head's training.

import type { HeadMetrics, ReliabilityBin } from "./metrics";
import type { HeadOutput } from "./outputs";

/** By output; a head of kind "paper" has `older` alone. */
export type ByOutput<T> = Partial<Record<HeadOutput, T>>;

export interface NamedMetrics extends HeadMetrics {
  name: string;
}

/** What is about to be done. */
export interface TrainingPlan {
  /** Steps of drafts to learn from, to stop and calibrate by, and to be judged by; by prompts apart. */
  examples: { train: number; stop: number; test: number };
  prompts: { train: number; stop: number; test: number };
  /** Weights of the head. */
  parameters: number;
  /** Epochs that a checkpoint has already. */
  done: number;
  /** What predicts without a head, on the examples that epochs are judged by. */
  predictors: ByOutput<NamedMetrics[]>;
}

export interface TrainingProgress {
  /** From 1. */
  epoch: number;
  /** Of the epoch, 0…1. */
  fraction: number;
}

export interface EpochReport {
  /** From 1. */
  epoch: number;
  /** Mean over the examples learnt from, while learning; weighted by rejectionWeight. */
  trainLoss: number;
  /** Mean of the outputs' losses on held-out prompts: training stops by it. */
  loss: number;
  /** On held-out prompts, not calibrated. */
  outputs: ByOutput<HeadMetrics>;
}

/** How good an output is on prompts that neither training nor calibration has seen. */
export interface OutputReport {
  head: HeadMetrics;
  uncalibrated: HeadMetrics;
  reliability: ReliabilityBin[];
  predictors: NamedMetrics[];
}

/** The same of the probability that the first k tokens of a draft survive, over all k. */
export interface SurvivalReport {
  /** Of the product of the outputs' probabilities. */
  product: HeadMetrics;
  /** With a slope and biases by k on top, as the file has them. */
  calibrated: HeadMetrics;
  reliability: ReliabilityBin[];
}

export interface TrainHeadResult {
  out: string;
  sizeBytes: number;
  plan: TrainingPlan;
  epochs: EpochReport[];
  /** The epoch whose weights the head has. */
  best: number;
  outputs: ByOutput<OutputReport>;
  /** Under rejection sampling and under block verification; kind "full" alone. */
  survival?: { rejection: SurvivalReport; block: SurvivalReport };
}
