// The drafting of one round on a trace: native/engine/draft-round.cpp, with rows that are read instead
// of decoded.

import type { HeadOutput } from "../head/outputs";
import { logit, sigmoid, smallestProbability } from "../log-odds";
import type { StopReason } from "../native/binding";
import type { Estimate, StopRule, SurvivalGate } from "../policy/policy";
import type { Reply } from "./reply";

/** What the drafting of a round did. One object serves all rounds of a walk. */
export interface Draft {
  drafted: number;
  /** Passes of the draft model: one more than tokens when a gate stopped before a draw. */
  steps: number;
  stopReason: StopReason;
}

// As in native/engine/stop-rule.cpp.
const smallestSecond = 1e-6;
const logSmallest = Math.log(smallestProbability);

/** Tokens that a round from the start can have at all. */
export function available(reply: Reply, start: number, maxDraft: number): number {
  return Math.min(reply.drafted[start] ?? 0, maxDraft, reply.room[start] ?? 0);
}

/** Drafts by a rule from a start. maxDraft: the engine's, at most the trace's. */
export function draft(
  reply: Reply,
  start: number,
  { length, gate, survival }: StopRule,
  maxDraft: number,
  result: Draft,
): void {
  result.drafted = 0;
  result.steps = 0;
  const tokens = available(reply, start, maxDraft);
  if (length === 0 || (reply.drafted[start] ?? 0) === 0) {
    // Without rows where there was room, the draft was of no use here.
    result.stopReason = length === 0 || (reply.room[start] ?? 0) > 0 ? "none" : "room";
    return;
  }
  const first = reply.firstRow[start] ?? 0;
  const wanted = Math.min(length, maxDraft);
  let product = 1;
  const belief = survival && new Survival(survival, reply);
  for (let k = 0; ; ++k) {
    result.drafted = k;
    result.steps = k;
    if (k >= wanted || k >= tokens) {
      result.stopReason = reasonAt(reply, start, k, wanted);
      return;
    }
    result.stopReason = "gate"; // if it is one that returns
    if (gate?.when === "after-draw" && k > 0 && product < gate.threshold) return;
    if (belief && k > 0 && !belief.paysStep(k)) return;
    const row = first + k;
    result.steps = k + 1;
    if (belief && k > 0) belief.read(row - 1);
    if (belief && !belief.paysDraw(k, row)) return;
    if (gate !== undefined) {
      const asked = gate.when === "after-draw" ? "newest" : "before";
      const estimate = estimateOf(gate.estimate, reply, row, asked);
      const compared = gate.over === "product" ? product * estimate : estimate;
      if (gate.when === "before-draw" && compared < gate.threshold) return;
      product = compared;
    }
    belief?.drawn(row);
  }
}

/** native/engine/survival.cpp, of rows. */
class Survival {
  #older = 1;
  #newest = 1;
  #next = 1;

  constructor(
    private readonly gate: SurvivalGate,
    private readonly reply: Reply,
  ) {}

  paysStep(k: number): boolean {
    return this.#older * this.#newest * this.#next >= (this.gate.step[k] ?? 0);
  }

  paysDraw(k: number, row: number): boolean {
    const before = estimateOf(this.gate.before, this.reply, row, "before");
    return this.#older * this.#newest * before >= (this.gate.draw[k] ?? 0);
  }

  drawn(row: number): void {
    this.#older *= this.#newest;
    this.#newest = estimateOf(this.gate.newest, this.reply, row, "newest");
    this.#next = estimateOf(this.gate.next, this.reply, row, "newest");
  }

  read(row: number): void {
    const { older } = this.gate;
    if (older) this.#newest = estimateOf(older, this.reply, row, "older");
  }
}

/** Why a draft of k tokens ends where no gate ended it; in the engine's order. */
function reasonAt(reply: Reply, start: number, k: number, wanted: number): StopReason {
  if (reply.ends[start] === 1 && k === reply.drafted[start]) return "end";
  return k >= wanted ? "length" : "room";
}

/** Estimate::of in native/engine/stop-rule.cpp. asked: when the row's token is asked about. */
function estimateOf(estimate: Estimate, reply: Reply, row: number, asked: HeadOutput): number {
  const drawn = asked !== "before";
  let sum = estimate.bias ?? 0;
  if (estimate.logitMode) sum += estimate.logitMode * logit(reply.mode[row] ?? NaN);
  if (estimate.rootEntropy) sum += estimate.rootEntropy * Math.sqrt(reply.entropy[row] ?? NaN);
  if (estimate.margin) sum += estimate.margin * (reply.margin[row] ?? NaN);
  if (estimate.logRatio) {
    const mode = reply.mode[row] ?? NaN;
    sum +=
      estimate.logRatio *
      Math.log(mode / Math.max(mode - (reply.margin[row] ?? NaN), smallestSecond));
  }
  if (drawn && estimate.logProbability) {
    sum += estimate.logProbability * Math.max(reply.logq[row] ?? NaN, logSmallest);
  }
  if (drawn && estimate.logOthers) {
    sum -=
      estimate.logOthers *
      Math.log(Math.max(-Math.expm1(reply.logq[row] ?? NaN), smallestProbability));
  }
  if (estimate.head) sum += estimate.head * (reply.head?.[asked][row] ?? NaN);
  switch (estimate.link) {
    case "logistic":
      return sigmoid(sum);
    case "exponential":
      return Math.exp(sum);
    default:
      return sum;
  }
}
