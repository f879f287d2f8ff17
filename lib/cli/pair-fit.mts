// Whether two files fit as target and draft, and what memory they take: from their headers alone.

import { cacheSizeBytes, defaultContextSize } from "../memory.js";
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
  return { fits: reasons.length === 0, reasons };
}
