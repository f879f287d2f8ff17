import { type Prices, verifyMicros } from "../cost/prices";
import { logit, sigmoid } from "../log-odds";
import { AcceptanceBelief, type Start } from "./acceptance-belief";
import { Pace } from "./pace";
import type { DraftedToken, Expectation, RoundContext, RoundInfo, StopRule } from "./policy";
import { survivalThresholds } from "./survival-thresholds";
import { Trials } from "./trials";

/**
 * Rounds before those that are plain to have a price to compare with, two together since the first after a
 * draft takes longer than plain decoding; and after how many the next come. More come, and sooner, where it
 * comes to less than `clear` times plain decoding: that may be a price of a cold start.
 */
const firstPlain = [1, 8, 16, 32, 64, 128, 256];
const plainPeriod = { usual: 1024, inDoubt: 64 };
const plainTogether = { usual: 2, inDoubt: 4 };
const clear = 1.25;
/** Which share of what plain decoding brings it may come to without leaving the draft alone. */
const tolerated = 0.98;

/**
 * For how many rounds a decision not to draft holds, twice as many when it is made again: plain rounds
 * teach nothing, and prices are work.
 */
const shortestRest = 4;
const longestRest = 256;
/** After so many drafts that were given up after their first step, one after the other, it does not draft. */
const patience = 4;

/** By how much more log-odds than on the whole a place may have where drafting pays. */
const ease = 0.6;

/** The acceptance that a trial hopes for. */
const hopedFor = 0.8;

export const plainRule: StopRule = { length: 0 };

/** "plain": for its price; "none": there is no room for a draft. */
type RoundKind = "plain" | "priced" | "trial" | "none";

/** What the rule `throughput` has learned at temperature 0, or above it, and how it decides by that. */
export class Regime {
  #belief: AcceptanceBelief;
  #pace: Pace | undefined;
  readonly #trials = new Trials();
  #rounds = 0;
  #sincePlain = 0;
  #plainDue = 0;
  #nextRest = shortestRest;
  /** Rounds one after the other whose draft was given up after its first step. */
  #givenUp = 0;
  /** Of the round under way. */
  #prices: Prices | undefined;
  #tokensPerMicro = NaN;
  /** What it comes to beside plain decoding. */
  #overPlain = Infinity;
  #catchUpMicros = 0;
  #kind: RoundKind = "none";
  /** Rounds of a rest that are still to come. A trial may come between. */
  #owed = 0;
  expectation: Expectation | undefined;

  constructor(
    private readonly start: Start,
    private readonly maxDraft: number,
  ) {
    this.#belief = new AcceptanceBelief(start);
  }

  next(context: RoundContext): StopRule {
    const length = Math.min(this.maxDraft, context.room);
    this.#kind = this.#kindOfNext(length);
    if (this.#kind === "none" || this.#kind === "plain") return plainRule;
    this.#prices = context.prices;
    this.#catchUpMicros = context.catchUpMicros;
    const rule = this.#decide(this.#prices, length);
    if (rule.length === 0) this.#beginRest();
    return rule;
  }

  /** After a rest of so many rounds: what they teach is little, and work, so it is learned at once. */
  wake(rounds: number): void {
    if (rounds === 0) return;
    this.#rounds += rounds;
    this.#sincePlain = 0;
    this.#trials.pass(0, rounds);
    for (let i = 0; i < rounds; ++i) {
      this.#pace?.observe({ tokens: 1, steps: 0, drafted: 0 });
      this.#belief.pass();
    }
  }

  #decide(prices: Prices, length: number): StopRule {
    const { first, later } = this.#belief;
    this.#pace ??= new Pace(bestRound(prices, first, later, this.maxDraft), this.maxDraft);
    const pace = this.#pace.tokensPerMicro(prices);
    const plain = 1 / verifyMicros(prices, 0);
    this.#tokensPerMicro = Math.max(pace, plain);
    this.#overPlain = pace / plain;
    if (this.#kind === "trial") {
      const { drafted } = bestRound(prices, hopedFor, hopedFor, length);
      if (drafted > 0) return { length: drafted };
      this.#kind = "priced"; // not even then would it pay
    }
    if (this.#overPlain < tolerated) return { length: 0 };
    const { step, draw } = survivalThresholds(
      prices,
      this.#tokensPerMicro,
      later,
      length,
      this.#catchUpMicros,
    );
    // A gate drafts where that is easier than on the whole; whether it is tells the first step alone.
    const { drafted } = bestRound(
      prices,
      easier(first),
      easier(later),
      length,
      this.#catchUpMicros,
    );
    if (drafted === 0) return { length: 0 };
    return { length, survival: { ...this.#belief.estimates(), step, draw } };
  }

  #kindOfNext(length: number): RoundKind {
    if (length === 0) return "none";
    this.#rounds += 1;
    const state = this.#overPlain < clear ? "inDoubt" : "usual";
    if (this.#sincePlain >= plainPeriod[state] || firstPlain.includes(this.#rounds - 1)) {
      this.#plainDue = plainTogether[state];
    }
    if (this.#plainDue > 0) {
      this.#plainDue -= 1;
      return "plain";
    }
    return this.#trials.due ? "trial" : "priced";
  }

  #beginRest(): void {
    this.#givenUp = 0;
    this.#owed = this.#nextRest;
    this.#nextRest = Math.min(2 * this.#nextRest, longestRest);
  }

  /** For how many rounds it rests now: until a trial at most, unless that would not pay either. */
  #takeRest(): number {
    const { due, left } = this.#trials;
    const isHopeless = due && this.#kind === "priced";
    const rest = isHopeless ? this.#owed : Math.min(this.#owed, Math.max(0, left));
    this.#owed -= rest;
    return rest;
  }

  #endTrial(isGood: boolean): void {
    if (isGood) {
      // A draft that has become good is another draft.
      this.#belief = new AcceptanceBelief(this.start);
      this.#pace = undefined;
      this.#owed = 0;
      this.#nextRest = shortestRest;
    } else if (!this.#trials.due && this.#owed === 0) {
      this.#beginRest(); // it did not pay, and no other follows at once
    }
  }

  /** Of a trial: whether there have been enough that were faster than plain decoding. */
  #judge(prices: Prices, draft: readonly DraftedToken[], steps: number): boolean {
    const plain = verifyMicros(prices, 0);
    const micros = steps * prices.draftStepMicros + verifyMicros(prices, draft.length);
    const gained = tokensOf(draft) - micros / plain;
    return this.#trials.judge(gained, (micros + this.#catchUpMicros) / plain - 1);
  }

  /** Returns for how many rounds it will not draft. */
  observe(round: RoundInfo): number {
    const { draft = [], drafted, draftSteps, generated } = round;
    const prices = this.#prices;
    if (prices === undefined || this.#pace === undefined) return 0;
    this.#sincePlain = draftSteps === 0 ? 0 : this.#sincePlain + 1;
    this.#pace.observe({ tokens: generated, steps: draftSteps, drafted });
    const accepted = draft.length > 0 ? this.#belief.learn(draft) : 0;
    if (draft.length === 0) this.#belief.pass();
    if (this.#kind === "priced") {
      this.#trials.pass(this.#overPlain > 1 ? drafted : 0); // one that does not pay ends no wait
      this.#givenUp = draftSteps > 0 && drafted === 0 ? this.#givenUp + 1 : 0;
      if (this.#givenUp === patience) this.#beginRest();
      else if (drafted > 0 && this.#overPlain > 1) this.#nextRest = shortestRest;
    }
    if (this.#kind === "trial") this.#endTrial(this.#judge(prices, draft, draftSteps));
    this.expectation = { accepted, tokensPerSecond: 1e6 * this.#tokensPerMicro, prices };
    return this.#takeRest();
  }
}

/** The tokens of a round, in expectation over the dice. */
function tokensOf(draft: readonly DraftedToken[]): number {
  let survival = 1;
  let tokens = 1;
  for (const { acceptance } of draft) {
    survival *= acceptance;
    tokens += survival;
  }
  return tokens;
}

/** An acceptance in places that are easier than usual. */
function easier(acceptance: number): number {
  return sigmoid(logit(acceptance) + ease);
}

/** The round of a fixed length with the most tokens for its time, plain decoding included. */
function bestRound(
  prices: Prices,
  first: number,
  later: number,
  maxDraft: number,
  catchUpMicros = 0,
): { tokens: number; steps: number; drafted: number } {
  let best = { tokens: 1, steps: 0, drafted: 0 };
  let bestRate = 1 / verifyMicros(prices, 0);
  let survival = first;
  let tokens = 1;
  for (let K = 1; K <= maxDraft; ++K) {
    tokens += survival;
    survival *= later;
    const micros = catchUpMicros + K * prices.draftStepMicros + verifyMicros(prices, K);
    const rate = tokens / micros;
    if (rate > bestRate) {
      bestRate = rate;
      best = { tokens, steps: K, drafted: K };
    }
  }
  return best;
}
