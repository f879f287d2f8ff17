import { SpecdecError } from "../errors";
import { draftColumns, type NativeStopRule } from "../native/binding";
import type { DraftedToken, Gate, Policy, RoundContext } from "./policy";

/** The rule that a policy gives for the next round, in the addon's form. A user's policy may be wrong. */
export function nextRule(policy: Policy, maxDraft: number, context: RoundContext): NativeStopRule {
  const { length, gate } = policy.next(context);
  if (!Number.isInteger(length) || length < 0) {
    throw invalidRule(policy, `length must be a whole number, 0 to ${maxDraft}, but is ${length}`);
  }
  return { length: Math.min(length, maxDraft), ...(gate && { gate: nativeGate(policy, gate) }) };
}

function nativeGate(policy: Policy, gate: Gate): NonNullable<NativeStopRule["gate"]> {
  const { bias, logitMode, rootEntropy, margin, logProbability, link } = gate.estimate;
  const numbers = {
    bias: bias ?? 0,
    logitMode: logitMode ?? 0,
    rootEntropy: rootEntropy ?? 0,
    margin: margin ?? 0,
    logProbability: logProbability ?? 0,
  };
  if (!Object.values({ ...numbers, threshold: gate.threshold }).every(Number.isFinite)) {
    throw invalidRule(policy, "the gate's weights and threshold must be finite numbers");
  }
  return {
    afterDraw: gate.when === "after-draw",
    product: gate.over === "product",
    threshold: gate.threshold,
    estimate: { ...numbers, link: link ?? "identity" },
  };
}

function invalidRule(policy: Policy, what: string): SpecdecError {
  return new SpecdecError(
    "ERR_INVALID_ARGUMENT",
    `The policy "${policy.name}" gave a rule whose ${what}.`,
  );
}

/** The rows of a native draft as objects. */
export function draftedTokens(rows: Float64Array): DraftedToken[] {
  return Array.from({ length: rows.length / draftColumns }, (_, i) => {
    const at = (column: number): number => rows[i * draftColumns + column] ?? NaN;
    return {
      id: at(0),
      q: at(1),
      mode: at(2),
      margin: at(3),
      entropy: at(4),
      p: at(5),
      acceptance: at(6),
    };
  });
}
