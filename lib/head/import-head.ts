// Heads of SpecDec++'s authors (arXiv 2405.19715): a torch.nn.Sequential of residual blocks, which are one
// and the same block several times, and a linear layer to two logits, rejected and accepted.

import { stat } from "node:fs/promises";
import path from "node:path";
import { invalid, object, oneOf } from "../checks";
import { resolveModelOptions } from "../engine-options";
import { SpecdecError } from "../errors";
import { checkModelFile, Model } from "../model";
import type { NativeHeadShape } from "../native/binding";
import { call, callAsync } from "../native/call";
import { loadAddon } from "../native/load";
import { modelFingerprint, vocabularyFingerprint } from "../trace/fingerprint";
import { headKeys, pairMetadata } from "./head-metadata";
import type { HeadType } from "./options";
import { readSafetensors, type Tensor } from "./safetensors";

export interface ImportHeadOptions {
  /** The checkpoint, as safetensors. */
  file: string;
  /** GGUF file of the draft that the head was trained on, converted from the same weights. */
  draft: string;
  /** GGUF file of the target. */
  target: string;
  /** The head file. One that is there is replaced. */
  out: string;
  /** How the file stores matrices. Default "f16". */
  type?: HeadType;
}

export interface ImportHeadResult {
  out: string;
  sizeBytes: number;
  width: number;
  depth: number;
  tied: boolean;
}

/**
 * Writes a head of SpecDec++'s authors as a head file of kind "paper", whose scores are as they were
 * trained: not calibrated. Rejects with ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD (no readable safetensors),
 * ERR_HEAD_MISMATCH (other tensors, or another width than the draft's), ERR_WRITE.
 */
export async function importHead(given: ImportHeadOptions): Promise<ImportHeadResult> {
  const options = object("importHead's options", given, ["file", "draft", "target", "out", "type"]);
  for (const name of ["file", "out"] as const) {
    const value: unknown = options[name];
    if (typeof value !== "string" || value === "") throw invalid(name, "a path", value);
  }
  const { file, out } = options;
  const type = oneOf("type", options.type, "f16", ["f32", "f16", "q8_0"]);
  checkModelFile(options.target); // it is not loaded
  const { shape, parameters } = headOf(file, await readSafetensors(file));
  const draft = await Model.load(
    resolveModelOptions("draft", { path: options.draft, gpuLayers: 0 }),
    undefined,
    undefined,
  );
  try {
    const { stateWidth } = draft.info;
    if (stateWidth !== shape.width) {
      throw mismatch(
        file,
        `it reads states of ${shape.width} numbers, and ${options.draft} has ${stateWidth}`,
      );
    }
    const metadata = {
      ...pairMetadata({
        fingerprints: {
          target: await modelFingerprint(options.target),
          draft: await modelFingerprint(options.draft),
          vocabulary: vocabularyFingerprint(draft),
        },
        models: options,
      }),
      [headKeys.training]: JSON.stringify({ imported: path.basename(file) }),
    };
    const { HeadTrainer } = loadAddon();
    const none = new Float32Array();
    const trainer = call(
      () =>
        new HeadTrainer({
          ...{ shape, parameters, mean: none, deviation: none },
          ...{ seed: 0, threads: 1, rejectionWeight: 1, weightDecay: 0, stateDropout: 0 },
        }),
    );
    await callAsync(() => trainer.save(out, metadata, type));
  } finally {
    draft.dispose();
  }
  const { width, depth, tied } = shape;
  return { out, sizeBytes: (await stat(out)).size, width, depth, tied };
}

/** model.0.linear, …, model.{D-1}.linear, model.D; safetensors leaves out what is the same tensor again. */
function headOf(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
): { shape: NativeHeadShape; parameters: Float32Array } {
  const names = [...tensors.keys()];
  const depth = Number(
    names.map((name) => /^model\.(\d)\.weight$/.exec(name)?.[1]).find((found) => found),
  );
  const last = `model.${depth}.weight`;
  const [outputs, width = 0] = tensors.get(last)?.shape ?? [];
  if (outputs !== 2 || depth > 4) {
    throw mismatch(
      file,
      `it has no last layer model.D.weight of two logits, D being 0 to 4, among ${names.slice(0, 9).join(", ")}`,
    );
  }
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw mismatch(file, `it has no ${name}`);
    if (tensor.shape.join() !== shape.join()) {
      throw mismatch(
        file,
        `${name} has the shape [${tensor.shape.join(", ")}], not [${shape.join(", ")}]`,
      );
    }
    return tensor.values;
  };
  const blockNames = Array.from({ length: depth }, (_, i) => `model.${i}.linear`);
  const present = blockNames.filter((name) => tensors.has(`${name}.weight`));
  const blocks = present.map((name) => ({
    weight: take(`${name}.weight`, [width, width]),
    bias: take(`${name}.bias`, [width]),
  }));
  const [first] = blocks;
  const same = (a: Float32Array, b: Float32Array): boolean => a.every((each, i) => each === b[i]);
  const tied =
    first !== undefined &&
    depth > 1 &&
    blocks.every(({ weight, bias }) => same(weight, first.weight) && same(bias, first.bias));
  const missing = blockNames.find((name) => !present.includes(name));
  if (missing !== undefined && !tied && !(depth > 1 && present.length === 1)) {
    throw mismatch(file, `it has no ${missing}.weight`);
  }
  const known = new Set([
    ...blockNames.flatMap((name) => [`${name}.weight`, `${name}.bias`]),
    ...[last, `model.${depth}.bias`],
  ]);
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw mismatch(file, `what its ${unknown} is for is not known`);
  const parts = [
    ...(tied ? blocks.slice(0, 1) : blocks).flatMap(({ weight, bias }) => [weight, bias]),
    take(last, [2, width]),
    take(`model.${depth}.bias`, [2]),
  ];
  const parameters = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    parameters.set(part, at);
    at += part.length;
  }
  const shape: NativeHeadShape = {
    ...{ kind: "paper", width, depth, tied, hidden: 0, columns: [], masks: new Uint8Array() },
  };
  return { shape, parameters };
}

function mismatch(file: string, why: string): SpecdecError {
  return new SpecdecError(
    "ERR_HEAD_MISMATCH",
    `${file} is not a head of SpecDec++'s form for this draft: ${why}. Give the published checkpoint and the draft it was trained on.`,
  );
}
