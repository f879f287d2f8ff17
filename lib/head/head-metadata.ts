// What a head file tells beside the head's shape, which is the addon's affair: whose head it is, how it was
// trained, how good it is, and its calibration.

import path from "node:path";
import type { NativeHeadValue } from "../native/binding";
import type { TraceHeader } from "../trace/format";
import type { Calibration } from "./calibration";
import type { ResolvedTraining } from "./options";
import type { ByOutput, OutputReport } from "./report";
import type { SurvivalOf } from "./survival";

export const headKeys = {
  draft: "specdecpp.head.draft.fingerprint",
  target: "specdecpp.head.target.fingerprint",
  vocabulary: "specdecpp.head.vocabulary.fingerprint",
  draftFile: "specdecpp.head.draft.file",
  targetFile: "specdecpp.head.target.file",
  /** JSON: the options it was trained with, and what the traces were of. */
  training: "specdecpp.head.training",
  /** JSON: metrics by output, on held-out prompts. */
  scores: "specdecpp.head.scores",
  /** [outputs], and [outputs][8] by position: 1, 2, 3, 4, 5–6, 7–8, 9–12, 13 and more. */
  slope: "specdecpp.head.calibration.slope",
  bias: "specdecpp.head.calibration.bias",
} as const;

/** Of the probability that a draft's first k tokens survive, on the logit of the outputs' product: one, and [8] by k. */
const survivalKey = (verifier: string): string => `specdecpp.head.survival.${verifier}`;

export type Metadata = Record<string, NativeHeadValue>;

/** The models that a head is for. */
export function pairMetadata({
  fingerprints,
  models,
}: Pick<TraceHeader, "fingerprints" | "models">): Metadata {
  return {
    [headKeys.draft]: fingerprints.draft,
    [headKeys.target]: fingerprints.target,
    [headKeys.vocabulary]: fingerprints.vocabulary,
    [headKeys.draftFile]: path.basename(models.draft),
    [headKeys.targetFile]: path.basename(models.target),
  };
}

export function trainingMetadata(
  options: ResolvedTraining,
  headers: readonly TraceHeader[],
  outputs: ByOutput<OutputReport>,
): Metadata {
  const traces = headers.map(({ mode, sampling, verifier, prompts }) => ({
    ...{ mode, verifier, prompts: prompts.count, temperature: sampling.temperature },
  }));
  const scores = Object.entries(outputs).map(([output, { head }]) => [output, head] as const);
  return {
    [headKeys.training]: JSON.stringify({ ...settingsOf(options), traces }),
    [headKeys.scores]: JSON.stringify(Object.fromEntries(scores)),
  };
}

export function calibrationMetadata(calibrations: ByOutput<Calibration>): Metadata {
  const all = Object.values(calibrations);
  return {
    [headKeys.slope]: all.map(({ slope }) => slope),
    [headKeys.bias]: all.flatMap(({ bias }) => bias),
  };
}

export function survivalMetadata(verifier: SurvivalOf, { slope, bias }: Calibration): Metadata {
  const key = survivalKey(verifier);
  return { [`${key}.slope`]: slope, [`${key}.bias`]: bias };
}

/** The options that a head's bytes depend on, the traces apart. */
export function settingsOf(options: ResolvedTraining): Record<string, unknown> {
  const { kind, depth, tied, hidden, tokenColumns, epochs, patience, batchSize } = options;
  const { learningRate, weightDecay, stateDropout, rejectionWeight } = options;
  const { calibrate, type, seed } = options;
  return {
    ...{ kind, depth, tied, hidden, tokenColumns, epochs, patience, batchSize },
    ...{ learningRate, weightDecay, stateDropout, rejectionWeight, calibrate, type, seed },
  };
}
