import { Model } from "../model";
import type { NativeSession } from "../native/binding";
import { contextSize, openSession } from "../session";
import type { ResolvedTrace, TraceOptions } from "./options";

/** Two models, and a session that can walk. */
export interface TracedPair {
  session: NativeSession;
  target: Model;
  draft: Model;
  /** Tokens that both contexts hold. */
  contextSize: number;
  dispose(): void;
}

export async function loadPair(
  options: Pick<ResolvedTrace, "target" | "draft" | "maxDraft">,
  { onLoadProgress, signal }: Pick<TraceOptions, "onLoadProgress" | "signal">,
): Promise<TracedPair> {
  const models: Model[] = [];
  const dispose = (): void => {
    for (const model of models) model.dispose();
  };
  const load = async (name: "target" | "draft"): Promise<Model> => {
    const report = (fraction: number): void => onLoadProgress?.({ model: name, fraction });
    const model = await Model.load(options[name], onLoadProgress && report, signal);
    models.push(model);
    return model;
  };
  try {
    const target = await load("target");
    const draft = await load("draft");
    const session = await openSession(options, target, draft, { walks: true });
    return {
      session,
      target,
      draft,
      contextSize: Math.min(contextSize(options.target, target), contextSize(options.draft, draft)),
      dispose: () => {
        session.dispose();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
