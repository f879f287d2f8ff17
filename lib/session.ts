import type { ResolvedEngine, ResolvedModel } from "./engine-options";
import type { AcceptanceHead } from "./head/acceptance-head";
import { cacheSizeBytes, checkMemory, defaultContextSize } from "./memory";
import type { Model } from "./model";
import type { NativeContextOptions, NativeSession } from "./native/binding";
import { call, callAsync } from "./native/call";
import { loadAddon } from "./native/load";

/** Tokens of a model's context: as asked for, or as trained within bounds. */
export function contextSize(options: ResolvedModel, model: Model): number {
  return options.contextSize ?? defaultContextSize(model.info.trainedContextSize);
}

type SessionOptions = Pick<ResolvedEngine, "target" | "draft" | "maxDraft">;

interface SessionUse {
  /** Whether walks will be asked for. */
  walks?: boolean;
  head?: AcceptanceHead;
}

/** Throws ERR_OUT_OF_MEMORY if its caches cannot fit. */
export async function openSession(
  options: SessionOptions,
  target: Model,
  draft: Model | undefined,
  use: SessionUse = {},
): Promise<NativeSession> {
  const session = createSession(options, target, draft, use);
  try {
    await callAsync(() => session.open());
    return session;
  } catch (error) {
    session.dispose();
    throw error;
  }
}

function createSession(
  options: SessionOptions,
  target: Model,
  draft: Model | undefined,
  { walks = false, head }: SessionUse,
): NativeSession {
  const context = (given: ResolvedModel, model: Model) => ({
    contextSize: contextSize(given, model),
    threads: given.threads,
    adaptThreads: given.adaptThreads,
    kvTypeK: given.kvTypeK,
    kvTypeV: given.kvTypeV,
  });
  const targetContext = context(options.target, target);
  const draftContext = options.draft && draft && context(options.draft, draft);
  let cacheBytes = 0; // on the processor: a GPU has its own memory and its own check
  if (!target.info.usesGpu) cacheBytes += cacheSizeBytes(target.info, targetContext);
  if (draft && draftContext && !draft.info.usesGpu) {
    cacheBytes += cacheSizeBytes(draft.info, draftContext);
  }
  checkMemory(cacheBytes);

  const addon = loadAddon();
  return call(
    () =>
      new addon.Session({
        target: target.native,
        targetContext: targetContext satisfies NativeContextOptions,
        ...(draft && draftContext && { draft: draft.native, draftContext }),
        maxDraft: options.maxDraft,
        walks,
        ...(head && { head: head.native }),
      }),
  );
}
