import { SpecdecError } from "../errors";
import type { HeadKind } from "../head/examples";
import { createPolicy, policyKinds } from "../policy/policies";
import type { Policy, PolicyKind } from "../policy/policy";

/** Steps between the ends of a threshold's range. */
const thresholdSteps = 20;

/** A rule's names with all parameters that are tried, ascending; by its name alone if it has none. */
export function sweepOf(kind: PolicyKind, maxDraft: number): string[] {
  const { name, parameter } = kind;
  if (!parameter) return [name];
  const { min, max, whole } = parameter;
  if (whole) {
    const last = Math.min(max, maxDraft);
    return Array.from({ length: last - min + 1 }, (_, i) => `${name}:${min + i}`);
  }
  return Array.from({ length: thresholdSteps - 1 }, (_, i) => {
    const value = min + ((max - min) * (i + 1)) / thresholdSteps;
    return `${name}:${Number(value.toPrecision(6))}`; // 0.15, not 0.15000000000000002
  });
}

/** The name with the parameter that the rule has by default; undefined if it needs one to be given. */
export function defaultOf({ name, parameter }: PolicyKind, maxDraft: number): string | undefined {
  if (!parameter) return name;
  if (parameter.default === undefined) return undefined;
  return `${name}:${parameter.whole ? Math.min(parameter.default, maxDraft) : parameter.default}`;
}

/** The policy of that name, anew. Throws ERR_INVALID_ARGUMENT if there is none. */
export function policyOf(rule: string, maxDraft: number, head?: HeadKind): Policy {
  try {
    return createPolicy(rule, maxDraft, head);
  } catch (error) {
    if (!SpecdecError.isInstance(error)) throw error;
    // `stopRule` is what an engine's option is called.
    throw new SpecdecError(error.code, error.message.replace("stopRule", "the rule"), {
      cause: error,
    });
  }
}

/** The kind that a rule is of. Throws ERR_INVALID_ARGUMENT if it names none. */
export function kindOf(rule: string, maxDraft: number, head?: HeadKind): PolicyKind {
  const [name] = rule.split(":");
  if (rule !== name) policyOf(rule, maxDraft, head); // checks the parameter
  const kind = policyKinds.find((candidate) => candidate.name === name);
  if (kind !== undefined) return kind;
  policyOf(rule, maxDraft, head); // throws, as for any name that is none
  throw new RangeError(`a policy without a kind: ${rule}`);
}

/** Where the parameter of a name lies; -1 without one. */
export function parameterOf(rule: string): number {
  return Number(rule.split(":")[1] ?? -1);
}
