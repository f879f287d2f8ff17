import { SpecdecError } from "../errors";
import type { HeadKind } from "../head/examples";
import { confidence } from "./confidence";
import { cumulative } from "./cumulative";
import { entropy } from "./entropy";
import { expected } from "./expected";
import { fixed } from "./fixed";
import { head } from "./head";
import { logistic } from "./logistic";
import { plain } from "./plain";
import type { Policy, PolicyKind } from "./policy";
import { schedule } from "./schedule";
import { throughput } from "./throughput";

/** All rules that have a name. A new one is a file beside these and a line here. */
export const policyKinds: readonly PolicyKind[] = [
  plain,
  fixed,
  schedule,
  confidence,
  cumulative,
  entropy,
  logistic,
  expected,
  head,
  throughput,
];

/** The default of `maxDraftTokens`: how long a draft can get at all. */
export const defaultMaxDraftTokens = 16;

/** How much `maxDraftTokens` may be. */
export const largestMaxDraftTokens = 64;

/** The default with a draft. */
export const defaultPolicyName = throughput.name;

/** `name` or `name:parameter`, for messages. */
export function grammar(kind: PolicyKind): string {
  if (!kind.parameter) return kind.name;
  const { name, default: fallback } = kind.parameter;
  return fallback === undefined ? `${kind.name}:${name}` : `${kind.name}[:${name}]`;
}

/** Makes the policy of that name. Throws ERR_INVALID_ARGUMENT for anything that is not one. */
export function createPolicy(name: string, maxDraft: number, headKind?: HeadKind): Policy {
  const [kindName, text, ...more] = name.split(":");
  const kind = policyKinds.find((candidate) => candidate.name === kindName);
  if (!kind || more.length > 0 || (text !== undefined && !kind.parameter)) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `stopRule must be one of ${policyKinds.map(grammar).join(", ")}, but is ${JSON.stringify(name)}.`,
    );
  }
  const parameter = parameterOf(kind, text, maxDraft);
  if (kind.needsHead && headKind === undefined) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `stopRule ${JSON.stringify(name)} asks an acceptance head, and there is none. Give one with the option head; specdecpp train makes one.`,
    );
  }
  return kind.create(parameter, maxDraft, headKind);
}

function parameterOf(kind: PolicyKind, text: string | undefined, maxDraft: number): number {
  const { parameter } = kind;
  if (!parameter) return NaN; // it has no use for one
  const max = parameter.whole ? Math.min(parameter.max, maxDraft) : parameter.max;
  const value =
    text === undefined && parameter.default !== undefined
      ? Math.min(parameter.default, max)
      : /^\d+(\.\d+)?$/.test(text ?? "")
        ? Number(text)
        : NaN;
  if (!(value >= parameter.min && value <= max) || (parameter.whole && !Number.isInteger(value))) {
    const longer =
      parameter.whole && value > max && maxDraft < largestMaxDraftTokens
        ? ` For longer drafts raise maxDraftTokens, to ${largestMaxDraftTokens} at most.`
        : "";
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${parameter.name} of stopRule "${grammar(kind)}" must be ${parameter.whole ? "a whole number, " : ""}${parameter.min} to ${max}, but is ${JSON.stringify(text ?? "")}.${longer}`,
    );
  }
  return value;
}
