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
  const row = new Float64Array(3 + estimateColumns);
  writeEstimate(row, 3, `${name}.estimate`, gate.estimate);
  row[0] = oneOf(`${name}.when`, gate.when, undefined, whens) === "after-draw" ? 1 : 0;
  row[1] = oneOf(`${name}.over`, gate.over, "newest", overs) === "product" ? 1 : 0;
  row[2] = finite(`${name}.threshold`, gate.threshold);
  return row;
}

function nativeSurvival(name: string, given: SurvivalGate): Float64Array {
  const gate = object(name, given, survivalFields, "field");
  const { newest, older = newest, before, next } = gate;
  const [step, draw] = [thresholds(name, gate, "step"), thresholds(name, gate, "draw")];
  if (step.length !== draw.length) {
    throw invalid(`${name}.draw`, `of the length of step, ${step.length}`, draw);
  }
  const row = new Float64Array(4 * estimateColumns + 2 * step.length);
  writeEstimate(row, 0, `${name}.newest`, newest);
  writeEstimate(row, estimateColumns, `${name}.older`, older);
  writeEstimate(row, 2 * estimateColumns, `${name}.before`, before);
  writeEstimate(row, 3 * estimateColumns, `${name}.next`, next);
  row.set(step, 4 * estimateColumns);
  row.set(draw, 4 * estimateColumns + step.length);
  return row;
}

function thresholds(name: string, gate: SurvivalGate, key: "step" | "draw"): readonly number[] {
  const list: unknown = gate[key];
  const isNumber = (value: unknown): boolean => typeof value === "number" && value === value;
  if (Array.isArray(list) && list.every(isNumber)) return list as number[];
  throw invalid(`${name}.${key}`, "an array of numbers", list);
}

/** Writes its weights and its link, in the order of lib/native/binding.ts. Done before each round: no more than a look at each. */
function writeEstimate(row: Float64Array, at: number, name: string, given: Estimate): void {
  const estimate = object(name, given, estimateFields, "field");
  for (const [i, key] of weightFields.entries()) {
    const weight = estimate[key];
    if (weight !== undefined) row[at + i] = finite(`${name}.${key}`, weight);
  }
  const link = oneOf(`${name}.link`, estimate.link, "identity", links);
  row[at + weightFields.length] = links.indexOf(link);
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
const weightFields = [
  "bias",
  "logitMode",
  "rootEntropy",
  "margin",
  "logRatio",
  "logProbability",
  "logOthers",
  "head",
] as const satisfies (keyof Estimate)[];
const estimateFields = [...weightFields, "link"] satisfies (keyof Estimate)[];
const estimateColumns = estimateFields.length;
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
  const tokens: DraftedToken[] = [];
  for (let first = 0; first < rows.length; first += draftColumns) {
    const at = (column: number): number => rows[first + column] ?? NaN;
    const token: DraftedToken = {
      id: at(0),
      q: at(1),
      mode: at(2),
      margin: at(3),
      entropy: at(4),
      p: at(5),
      acceptance: at(6),
    };
    const [older, before, newest] = [at(7), at(8), at(9)];
    const scored = older === older || before === before || newest === newest; // not all NaN
    if (scored) token.head = { older, before, newest };
    tokens.push(token);
  }
  return tokens;
}
