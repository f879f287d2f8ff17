import type {
  NativeContextOptions,
  NativeSampling,
  NativeTextOptions,
} from "../../lib/native/binding";
import { threads } from "./demo";

// Plain settings for tests of the addon on its own.

export const context: NativeContextOptions = {
  contextSize: 512,
  threads,
  adaptThreads: false,
  kvTypeK: "f16",
  kvTypeV: "f16",
};

/** Temperature 0, nothing cut off. */
export const sampling: NativeSampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyWindow: 64,
  draftTopK: 0,
  logitBias: [],
  seed: 1,
};

export const textOptions: NativeTextOptions = {
  verifier: "rejection",
  logProbabilities: false,
  details: false,
  states: false,
  reuse: false,
};
