import type { Prices } from "../cost/prices";
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
  /** Weight of ln q(token); of use only after the draw. */
  logProbability?: number;
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

/** When a round stops drafting, as plain data: decided here before the round, obeyed natively in it. */
export interface StopRule {
  /** Drafted tokens at most, K; 0 is plain decoding. */
  length: number;
  gate?: Gate;
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
}

/** What a round did. */
export interface RoundInfo {
  /** Tokens it added. */
  generated: number;
  drafted: number;
  accepted: number;
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
  create(parameter: number, maxDraft: number): Policy;
}
