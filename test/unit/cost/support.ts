import type { Identity, LengthCosts, ModelIdentity, Timing } from "../../../lib";
import type { Calibration } from "../../../lib/cost/calibration-cache";

export function timing(micros: number): Timing {
  return { micros, low: 0.9 * micros, high: 1.1 * micros, samples: 10 };
}

/** verifyMicros: V(K) by K. */
export function costsAt(
  contextLength: number,
  draftStepMicros: number,
  verifyMicros: readonly number[],
): LengthCosts {
  return {
    contextLength,
    draftStep: timing(draftStepMicros),
    verify: verifyMicros.map(timing),
  };
}

const model: ModelIdentity = {
  fingerprint: "a".repeat(64),
  description: "llama 7B Q8_0",
  sizeBytes: 7e9,
  threads: 8,
  adaptThreads: true,
  gpuLayers: -1,
  devices: [],
  kvTypeK: "f16",
  kvTypeV: "f16",
};

export const identity: Identity = {
  target: model,
  draft: { ...model, description: "llama 1B Q8_0", sizeBytes: 1e9 },
  machine: { processor: "A processor", cores: 8, platform: "linux-x64", devices: [] },
  llamaCpp: "0.4.0",
};

export const calibration: Calibration = {
  format: 1,
  measuredAt: "2026-01-31T12:00:00.000Z",
  identity,
  contextSize: 4096,
  maxDraftTokens: 2,
  costs: [costsAt(64, 100, [1000, 1300, 1250]), costsAt(2000, 200, [2000, 2300, 2250])],
};
