import { calibrationFile, readCalibration } from "./cost/calibration-cache";
import { CostModel } from "./cost/cost-model";
import { guessCosts } from "./cost/cost-table";
import { identify } from "./cost/machine";
import { downloaded } from "./download/resolve-model";
import { Engine, type Pair } from "./engine";
import {
  type EngineOptions,
  resolveEngine,
  type ResolvedEngine,
  type ResolvedModel,
} from "./engine-options";
import { AcceptanceHead } from "./head/acceptance-head";
import { Model } from "./model";
import { contextSize, openSession } from "./session";
import { vocabularyFingerprint } from "./trace/fingerprint";

/**
 * Loads the models and prepares an engine for one text at a time.
 *
 * Rejects with a SpecdecError: ERR_INVALID_ARGUMENT, ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD,
 * ERR_NOT_GENERATIVE, ERR_VOCABULARY_MISMATCH, ERR_HEAD_MISMATCH, ERR_NO_ROLLBACK, ERR_OUT_OF_MEMORY,
 * ERR_NO_GPU, ERR_NO_DEVICE, ERR_DOWNLOAD_FAILED, ERR_ABORTED, or one of loading the addon. Or with what
 * onLoadProgress or onDownloadProgress throws.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const resolved = await downloaded(resolveEngine(options), options);
  const { onLoadProgress, signal } = options;
  const load = (name: "target" | "draft", model: ResolvedModel): Promise<Model> =>
    Model.load(
      model,
      onLoadProgress &&
        ((fraction) => {
          onLoadProgress({ model: name, fraction });
        }),
      signal,
    );
  const made: { dispose(): void }[] = [];
  try {
    const target = await load("target", resolved.target);
    made.push(target);
    const draft = resolved.draft && (await load("draft", resolved.draft));
    if (draft) made.push(draft);
    const pair = draft && (await describePair(resolved, target, draft));
    const costs = await startCosts(pair, target, draft, resolved.maxDraft);
    const head = await loadHead(resolved, pair, target, draft);
    if (head) made.push(head);
    const session = await openSession(resolved, target, draft, { ...(head && { head }) });
    made.push(session);
    head?.dispose(); // the session keeps what it needs
    return new Engine(
      session,
      target,
      draft,
      contextSize(resolved.target, target),
      resolved.maxDraft,
      costs,
      pair,
      head?.info.kind,
    );
  } catch (error) {
    for (const one of made.reverse()) one.dispose();
    throw error;
  }
}

async function describePair(
  { target: targetOptions, draft: draftOptions, maxDraft }: ResolvedEngine,
  target: Model,
  draft: Model,
): Promise<Pair | undefined> {
  if (draftOptions === undefined) return undefined;
  return {
    identity: await identify(
      { options: targetOptions, model: target },
      { options: draftOptions, model: draft },
    ),
    contextSize: Math.min(contextSize(targetOptions, target), contextSize(draftOptions, draft)),
    maxDraft,
  };
}

/** The head that was asked for, if any. Throws ERR_HEAD_MISMATCH for one of another pair. */
async function loadHead(
  { head: path, forceHead, target: targetOptions, draft: draftOptions }: ResolvedEngine,
  pair: Pair | undefined,
  target: Model,
  draft: Model | undefined,
): Promise<AcceptanceHead | undefined> {
  if (path === undefined || pair === undefined || !draft || !draftOptions) return undefined;
  const head = await AcceptanceHead.load(path);
  try {
    const { identity } = pair;
    head.checkPair(
      {
        target: { path: targetOptions.path, fingerprint: identity.target.fingerprint },
        draft: {
          path: draftOptions.path,
          fingerprint: identity.draft.fingerprint,
          stateWidth: draft.info.stateWidth,
        },
        vocabulary: () => vocabularyFingerprint(target),
      },
      forceHead,
    );
    return head;
  } catch (error) {
    head.dispose();
    throw error;
  }
}

/** From a calibration if there is one, also an old one: rounds refine it as they do a guess. */
async function startCosts(
  pair: Pair | undefined,
  target: Model,
  draft: Model | undefined,
  maxDraft: number,
): Promise<CostModel> {
  const calibration =
    pair && (await readCalibration(calibrationFile(pair.identity), pair.identity));
  if (calibration) return new CostModel(calibration.costs, true, maxDraft);
  const sizes = { targetBytes: target.info.sizeBytes, draftBytes: draft?.info.sizeBytes ?? 0 };
  return new CostModel(guessCosts(sizes, maxDraft), false, maxDraft);
}
