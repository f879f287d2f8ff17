import { cacheBytes, type CacheType } from "./engine-options";
import { SpecdecError } from "./errors";
import type { ModelInfo } from "./native/binding";

/** The longest context that is made without being asked for: caches grow with it. */
const maxDefaultContextSize = 4096;

/** The context of a model that was trained for so many tokens; below 2 its file has it wrong. */
export function defaultContextSize(trainedContextSize: number): number {
  return trainedContextSize < 2
    ? maxDefaultContextSize
    : Math.min(trainedContextSize, maxDefaultContextSize);
}

/** Bytes that the KV cache of a context takes. */
export function cacheSizeBytes(
  info: Pick<ModelInfo, "cacheWidthK" | "cacheWidthV">,
  context: { contextSize: number; kvTypeK: CacheType; kvTypeV: CacheType },
): number {
  const perToken =
    info.cacheWidthK * cacheBytes[context.kvTypeK] + info.cacheWidthV * cacheBytes[context.kvTypeV];
  return perToken * context.contextSize;
}

/**
 * Throws ERR_OUT_OF_MEMORY if the caches cannot fit. Linux would promise the memory all the same and
 * kill the process when it is touched.
 */
export function checkMemory(neededBytes: number): void {
  const available = process.availableMemory(); // respects a container's limit
  if (neededBytes > available) {
    throw new SpecdecError(
      "ERR_OUT_OF_MEMORY",
      `The contexts need ${gib(neededBytes)} of memory for their caches, but ${gib(available)} are available. Ask for a smaller contextSize, or a smaller kvTypeK and kvTypeV.`,
    );
  }
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 3 : 1)} GiB`;
}
