import { SpecdecError } from "../errors";
import type { StopRule } from "../native/binding";

export type { StopRule };

/** The default of `maxDraftTokens`: how long a draft can get at all. */
export const defaultMaxDraftTokens = 16;

/** A stop rule by name: `"none"` is plain decoding, `"fixed:K"` drafts K tokens a round. */
export type StopRuleName = "none" | `fixed:${number}`;

/** The default with a draft: fixed K, at llama.cpp's order of magnitude. */
export const defaultStopRule: StopRuleName = "fixed:4";

/** Throws ERR_INVALID_ARGUMENT for anything that is not a rule, or asks for more than `maxDraft`. */
export function parseStopRule(name: string, maxDraft: number): StopRule {
  if (name === "none") {
    return { length: 0 };
  }
  const length = /^fixed:(\d+)$/.exec(name)?.[1];
  if (length === undefined) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `stopRule must be "none" or "fixed:K" with a whole number K, but is ${JSON.stringify(name)}.`,
    );
  }
  if (Number(length) < 1 || Number(length) > maxDraft) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `K of stopRule "fixed:K" must be 1 to ${maxDraft}, but is ${length}. For longer drafts raise maxDraftTokens; for plain decoding use "none".`,
    );
  }
  return { length: Number(length) };
}
