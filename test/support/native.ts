import type {
  NativeContextOptions,
  NativeHeadTrainer,
  NativeModel,
  NativeSampling,
  NativeTextOptions,
} from "../../lib/native/binding";
import { loadAddon } from "../../lib/native/load";
import { threads } from "./demo";

// What tests of the addon on its own have in common: plain settings, models, heads, codes of errors.

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

export async function loadModel(path: string): Promise<NativeModel> {
  const { Model } = loadAddon();
  const model = new Model({ path, gpuLayers: 0, devices: [], mmap: true, mlock: false });
  await model.load();
  return model;
}

/** Of a head whose two logits are sums of a state's numbers: [2, width] weights, then two biases. */
export function bareTrainer(width: number, parameters: Float32Array): NativeHeadTrainer {
  const { HeadTrainer } = loadAddon();
  return new HeadTrainer({
    shape: {
      ...{ kind: "paper", width, depth: 0, tied: false, hidden: 0, columns: [] },
      masks: new Uint8Array(),
    },
    ...{ seed: 3, threads, rejectionWeight: 1, weightDecay: 0.01, stateDropout: 0 },
    mean: new Float32Array(),
    deviation: new Float32Array(),
    parameters,
  });
}

/** What the addon throws or rejects with: under jest not an instance of this realm's Error. */
export async function codeOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  throw new Error("it was accepted");
}
