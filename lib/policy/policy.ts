import type { Prices } from "../cost/prices";
import type { HeadKind } from "../head/examples";
import type { StopReason } from "../native/binding";

/**
 * An estimate of the probability that a token will be accepted: a weighted sum of features of q, the
 * draft's distribution, as it is or through a function.
 */
export interface Estimate {
  bias?: number;
  /** Weight of ln(m / (1 - m)), m the largest probability. */
  logitMode?: number;
  /** Weight of √H, H the entropy of q in nats. */
  rootEntropy?: number;
  /** Weight of the largest probability less the second largest. */
  margin?: number;
  /** Weight of ln(m / m2), m2 the second largest probability. */
  logRatio?: number;
  /** Weight of ln q(token); of use only after the draw, as the next. */
  logProbability?: number;
  /** Weight of -ln(1 - q(token)): how little q leaves to other tokens. */
  logOthers?: number;
  /**
   * Weight of the logit that a head gives of the token that is asked about, where there is a head with such
   * an output: of one that is not drawn yet, of one just drawn, of one that the draft has read. For `next`,
   * whose token has no logit yet, that of the newest.
   */
  head?: number;
  /** "logistic": 1 / (1 + exp(-sum)); "exponential": exp(sum). Default "identity": the sum itself. */
  link?: "identity" | "logistic" | "exponential";
}

/** Ends the drafting of a round when an estimate falls below a threshold. */
export interface Gate {
  /**
   * "before-draw" asks about the token that is to be drawn from q, which has cost a draft step;
   * "after-draw" about those that have been drawn, before the next step. Neither drops a token.
   */
  when: "before-draw" | "after-draw";
  estimate: Estimate;
  /** Whether the product of the round's estimates is compared, or the newest alone. Default "newest". */
  over?: "newest" | "product";
  threshold: number;
}

/**
 * Ends the drafting of a round when the probability that a further token survives, which is that the
 * round's tokens and itself are all accepted, falls below what its price asks for. It is asked before a
 * draft step, when only the tokens drawn are known, and after the step, before the draw from the q that
 * it gave. Neither drops a token.
 */
export interface SurvivalGate {
  /** Of a token that has just been drawn. */
  newest: Estimate;
  /** Of the same token once the draft has read it. Default: `newest`. */
  older?: Estimate;
  /** Of a token that is not drawn yet, by the q that it would be drawn from. */
  before: Estimate;
  /** Of the token after the newest, whose q is not there yet, by what is known of the newest. */
  next: Estimate;
  /**
   * By k, the tokens drawn in the round: the survival below which no further draft step is taken. Not asked
   * before the first step: that is what `length: 0` is for.
   */
  step: readonly number[];
  /** By k: the survival below which no further token is drawn. As many as `step`; beyond their ends 0. */
  draw: readonly number[];
}

/** When a round stops drafting, as plain data: decided here before the round, obeyed natively in it. */
export interface StopRule {
  /** Drafted tokens at most, K; 0 is plain decoding. */
  length: number;
  gate?: Gate;
  survival?: SurvivalGate;
}

/**
 * A drafted token. Probabilities are those that are sampled from; at temperature 0, where these are
 * certain, those of temperature 1.
 */
export interface DraftedToken {
  id: number;
  /** Its probability under the draft. */
  q: number;
  /** The draft's largest probability. */
  mode: number;
  /** The largest less the second largest. */
  margin: number;
  /** The entropy of the draft's distribution, in nats. */
  entropy: number;
  /** Its probability under the target; NaN before the verification. */
  p: number;
  /**
   * The probability that it is accepted, given that those before it are; NaN before the verification.
   * Under "block", which judges the whole draft, min(1, p/q): the product is then the least that it
   * keeps (docs/verifiers.md).
   */
  acceptance: number;
  /** What a head says of it, if there is one. */
  head?: HeadLogits;
}

/** Log-odds of a token's acceptance; NaN where a head has no such output, or was not asked. */
export interface HeadLogits {
  /** When the q is there that it is drawn from. */
  before: number;
  /** When it has been drawn. */
  newest: number;
  /** When the draft has read it. */
  older: number;
}

/** What a round did. */
export interface RoundInfo {
  /** Tokens it added. */
  generated: number;
  drafted: number;
  accepted: number;
  /** Passes of the draft model: one more than `drafted` where a gate stopped before a draw. */
  draftSteps: number;
  /** Why it stopped drafting. */
  stopReason: StopReason;
  draftMicros: number;
  verifyMicros: number;
  /** Of both, inside llama.cpp. */
  decodeMicros: number;
  /** All that it drafted, if the policy or the caller asks for details. */
  draft?: DraftedToken[];
}

/** What is known before a round. */
export interface RoundContext {
  /** What its draft steps and its verification are expected to cost, by what rounds took until now. */
  prices: Prices;
  /** Drafted tokens that there is room for at most: maxTokens and the target's context bound them. */
  room: number;
  /** Whether the temperature is 0: acceptance is then no matter of chance. */
  greedy: boolean;
  /** What the draft needs for reading what was generated without it, before its first step. */
  catchUpMicros: number;
}

/** What a policy had expected of a round. */
export interface Expectation {
  /** How many drafted tokens would be accepted. */
  accepted: number;
  /** The throughput that it took itself to have, by which it weighed tokens against time. */
  tokensPerSecond: number;
  /** The prices that it went by. */
  prices: Prices;
}

/**
 * Decides how long to draft. May keep state: `observe` sees every round, and the state of a policy
 * outlives a request. A policy can stop, never drop (docs/how-it-works.md).
 */
export interface Policy {
  readonly name: string;
  /** Whether `observe` gets `draft`; it costs a pass over the vocabulary for each drafted token. */
  readonly needsDetails?: boolean;
  /** The rule of the next round. */
  next(context: RoundContext): StopRule;
  observe?(round: RoundInfo): void;
  /** What it had expected of the round that it last observed, for the statistics. */
  readonly expectation?: Expectation | undefined;
  /**
   * Asked after every drafted token, in JavaScript: whether to draft another, within the rule. A round
   * then costs a native call for each token, 20 to 80 µs.
   */
  continues?(draft: readonly DraftedToken[]): boolean;
  /**
   * How many of the drafted tokens to verify. Dropping any biases the text unless the verifier draws
   * from the target alone: ERR_BIASED_RULE but for "match", "coupled" and temperature 0.
   */
  submits?(draft: readonly DraftedToken[]): number;
}

/** A kind of policy that can be named, as `name` or `name:parameter`. */
export interface PolicyKind {
  readonly name: string;
  /** What `name:parameter` means, for help and messages. */
  readonly describe: string;
  readonly parameter?: {
    name: string;
    min: number;
    max: number;
    whole?: boolean;
    default?: number;
  };
  /** Whether it is of use only with a head. */
  readonly needsHead?: boolean;
  /** head: the kind of the head that there is, if any. */
  create(parameter: number, maxDraft: number, head?: HeadKind): Policy;
}
