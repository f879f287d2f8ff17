/** Keys of a head file that tell whose head it is and how good. Its shape is the addon's affair. */
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
  /** The same of the probability that the first k tokens survive, on the logit of the outputs' product; [8] by k. */
  survivalSlope: (verifier: string): string => `specdecpp.head.survival.${verifier}.slope`,
  survivalBias: (verifier: string): string => `specdecpp.head.survival.${verifier}.bias`,
} as const;
