import { types } from "node:util";
import { finite, flag, invalid, object, oneOf, whole } from "../checks";
import { draftColumns, type NativeStopRule } from "../native/binding";
import type {
  DraftedToken,
  Estimate,
  Gate,
  Policy,
  RoundContext,
  StopRule,
  SurvivalGate,
} from "./policy";

// What a policy answers. A user's may be wrong: the errors name the policy and the field.

/** The rule that a policy gives for the next round, in the addon's form. */
export function nextRule(policy: Policy, maxDraft: number, context: RoundContext): NativeStopRule {
  const name = nameOf(policy, "next()");
  const rule = object(name, atOnce(name, policy.next(context)), ruleFields, "field");
  if (!Number.isInteger(rule.length) || rule.length < 0) {
    throw invalid(`${name}: length`, "a whole number, 0 or more", rule.length);
  }
  const native: NativeStopRule = { length: Math.min(rule.length, maxDraft) };
  if (rule.gate !== undefined) native.gate = nativeGate(`${name}: gate`, rule.gate);
  if (rule.survival !== undefined) {
    native.survival = nativeSurvival(`${name}: survival`, rule.survival);
  }
  return native;
}

/** Whether a policy goes on after a drafted token; true if it has no opinion. */
export function continues(policy: Policy, drafted: readonly DraftedToken[]): boolean {
  if (policy.continues === undefined) return true;
  const name = nameOf(policy, "continues()");
  return flag(name, atOnce(name, policy.continues(drafted)));
}

/** How many drafted tokens a policy has verified; all if it has no opinion. */
export function submits(policy: Policy, drafted: readonly DraftedToken[]): number {
  if (policy.submits === undefined) return drafted.length;
  const name = nameOf(policy, "submits()");
  return whole(name, atOnce(name, policy.submits(drafted)), undefined, 0, drafted.length);
}

function nativeGate(name: string, given: Gate): Float64Array {
  const gate = object(name, given, gateFields, "field");
  const estimate = estimateRow(`${name}.estimate`, gate.estimate);
  const afterDraw = oneOf(`${name}.when`, gate.when, undefined, whens) === "after-draw";
  const product = oneOf(`${name}.over`, gate.over, "newest", overs) === "product";
  const threshold = finite(`${name}.threshold`, gate.threshold);
  return Float64Array.of(afterDraw ? 1 : 0, product ? 1 : 0, threshold, ...estimate);
}

function nativeSurvival(name: string, given: SurvivalGate): Float64Array {
  const gate = object(name, given, survivalFields, "field");
  const { newest, older = newest, before, next } = gate;
  const thresholds = (key: "step" | "draw"): readonly number[] => {
    const list: unknown = gate[key];
    if (Array.isArray(list) && list.every((value) => typeof value === "number" && value === value))
      return list as number[];
    throw invalid(`${name}.${key}`, "an array of numbers", list);
  };
  const [step, draw] = [thresholds("step"), thresholds("draw")];
  if (step.length !== draw.length) {
    throw invalid(`${name}.draw`, `of the length of step, ${step.length}`, draw);
  }
  return Float64Array.from([
    ...estimateRow(`${name}.newest`, newest),
    ...estimateRow(`${name}.older`, older),
    ...estimateRow(`${name}.before`, before),
    ...estimateRow(`${name}.next`, next),
    ...step,
    ...draw,
  ]);
}

/** Its weights and its link, in the order of lib/native/binding.ts. */
function estimateRow(name: string, given: Estimate): number[] {
  const estimate = object(name, given, estimateFields, "field");
  const weight = (key: Exclude<keyof Estimate, "link">): number =>
    finite(`${name}.${key}`, estimate[key], 0);
  return [
    weight("bias"),
    weight("logitMode"),
    weight("rootEntropy"),
    weight("margin"),
    weight("logRatio"),
    weight("logProbability"),
    weight("logOthers"),
    weight("head"),
    links.indexOf(oneOf(`${name}.link`, estimate.link, "identity", links)),
  ];
}

const ruleFields = ["length", "gate", "survival"] satisfies (keyof StopRule)[];
const gateFields = ["when", "estimate", "over", "threshold"] satisfies (keyof Gate)[];
const survivalFields = [
  "newest",
  "older",
  "before",
  "next",
  "step",
  "draw",
] satisfies (keyof SurvivalGate)[];
const estimateFields = [
  "bias",
  "logitMode",
  "rootEntropy",
  "margin",
  "logRatio",
  "logProbability",
  "logOthers",
  "head",
  "link",
] satisfies (keyof Estimate)[];
const whens = ["before-draw", "after-draw"] as const;
const overs = ["newest", "product"] as const;
const links = ["identity", "logistic", "exponential"] as const;

function nameOf(policy: Policy, method: string): string {
  return `What ${method} of the policy "${policy.name}" returns`;
}

/** Policies are asked amid a round, which does not wait: a promise is refused. */
function atOnce<T>(name: string, value: T): T {
  if (types.isPromise(value)) {
    value.catch(() => undefined); // its own failure would end the process
    throw invalid(name, "a value, not a promise of one", value);
  }
  return value;
}

/** The rows of a native draft as objects. */
export function draftedTokens(rows: Float64Array): DraftedToken[] {
  return Array.from({ length: rows.length / draftColumns }, (_, i) => {
    const at = (column: number): number => rows[i * draftColumns + column] ?? NaN;
    const head = { older: at(7), before: at(8), newest: at(9) };
    return {
      id: at(0),
      q: at(1),
      mode: at(2),
      margin: at(3),
      entropy: at(4),
      p: at(5),
      acceptance: at(6),
      ...(!Object.values(head).every(Number.isNaN) && { head }),
    };
  });
}
