// What prices belong to: the machine, the models, and how they are run.

import { availableParallelism, cpus } from "node:os";
import type { ResolvedModel } from "../engine-options";
import type { Model } from "../model";
import { call } from "../native/call";
import { loadAddon } from "../native/load";
import { modelFingerprint } from "../trace/fingerprint";

/** A model and its settings, as far as its speed depends on them. */
export interface ModelIdentity {
  /** SHA-256 of the file's size, its beginning and samples of its weights, as in traces. */
  fingerprint: string;
  /** Such as "llama 7B Q8_0". */
  description: string;
  sizeBytes: number;
  threads: number;
  /** Whether fewer threads are used where that is faster. */
  adaptThreads: boolean;
  gpuLayers: number;
  devices: string[];
  kvTypeK: string;
  kvTypeV: string;
}

export interface Identity {
  target: ModelIdentity;
  draft: ModelIdentity;
  machine: {
    processor: string;
    cores: number;
    /** Such as "linux-x64". */
    platform: string;
    /** Devices other than the processor, if a model is on one. */
    devices: string[];
  };
  /** The release of llama.cpp, and the addon's own. */
  llamaCpp: string;
}

interface LoadedModel {
  options: ResolvedModel;
  model: Model;
}

export async function identify(target: LoadedModel, draft: LoadedModel): Promise<Identity> {
  const addon = loadAddon();
  const usesGpu = target.model.info.usesGpu || draft.model.info.usesGpu;
  const devices = usesGpu ? call(() => addon.devices()).filter(({ type }) => type !== "cpu") : [];
  return {
    target: await identifyModel(target),
    draft: await identifyModel(draft),
    machine: {
      processor: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      platform: `${process.platform}-${process.arch}`,
      devices: devices.map(({ name, description }) => `${name}: ${description}`),
    },
    llamaCpp: addon.release,
  };
}

async function identifyModel({ options, model }: LoadedModel): Promise<ModelIdentity> {
  const { threads, adaptThreads, gpuLayers, devices, kvTypeK, kvTypeV } = options;
  const { description, sizeBytes } = model.info;
  return {
    fingerprint: await modelFingerprint(options.path),
    ...{ description, sizeBytes },
    ...{ threads, adaptThreads, gpuLayers, devices, kvTypeK, kvTypeV },
  };
}
