// Whether two files fit as target and draft, and what memory they take: from their headers alone.

import { cacheSizeBytes, defaultContextSize } from "../memory.js";
import { formatBytes } from "./format.mjs";
import type { GgufFile } from "./gguf-file.mjs";
import { vocabularyDifference } from "./vocabulary.mjs";

export interface Memory {
  contextSize: number;
  cacheBytes: number;
  /** Weights and cache. */
  totalBytes: number;
}

/** Without the buffers of the computation, which depend on the device, and without a recurrent state, which is small. */
export function memoryOf(file: GgufFile, asked: number | undefined): Memory {
  const contextSize = asked ?? defaultContextSize(file.trainedContextSize);
  const cacheBytes = cacheSizeBytes(file, { contextSize, kvTypeK: "f16", kvTypeV: "f16" });
  return { contextSize, cacheBytes, totalBytes: file.weightsBytes + cacheBytes };
}

export interface Fit {
  fits: boolean;
  /** Why not. */
  reasons: string[];
  /** What does not keep them from fitting. */
  notes: string[];
}

export function fitOf(target: GgufFile, draft: GgufFile): Fit {
  const difference = vocabularyDifference(target.vocabulary, draft.vocabulary);
  const reasons = [
    ...(difference === "" ? [] : [`their vocabularies differ: ${difference}`]),
    ...[target, draft]
      .filter((file) => file.recurrent)
      .map(
        ({ path, architecture }) =>
          `${path} (${architecture}) keeps a recurrent state, which cannot take back rejected tokens`,
      ),
  ];
  const notes = [
    ...(draft.weightsBytes >= target.weightsBytes
      ? [
          `The draft is not smaller than the target (weights of ${formatBytes(draft.weightsBytes)} and ${formatBytes(target.weightsBytes)}): only one that is several times smaller saves time. The target comes first, then the draft.`,
        ]
      : []),
    ...(draft.trainedContextSize < target.trainedContextSize
      ? [
          `The draft was trained for ${draft.trainedContextSize} tokens, the target for ${target.trainedContextSize}; beyond the draft's context decoding is plain.`,
        ]
      : []),
  ];
  return { fits: reasons.length === 0, reasons, notes };
}
