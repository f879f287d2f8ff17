import type { StopReason } from "./native/binding";
import type { Expectation, RoundInfo } from "./policy/policy";

/** What a generation did and what it took. Times in milliseconds. */
export interface GenerationStats {
  /** Tokens of the prompt, with what the vocabulary adds around it. */
  promptTokens: number;
  /** Of these, tokens that the target had evaluated for the text before and kept. */
  reusedTokens: number;
  /** Tokens generated, the one that ended the generation included. */
  generated: number;
  /** Passes of the target over a round's tokens. One token each in plain decoding. */
  targetPasses: number;
  /** Tokens that the draft proposed. */
  drafted: number;
  /** Drafted tokens that the target accepted. */
  accepted: number;
  /** Tokens that were worked out and are not in the output: rejected drafts, and what the last round had beyond the end. drafted + targetPasses = generated + discarded. */
  discarded: number;
  /** accepted / drafted; 0 without drafts. */
  acceptanceRate: number;
  /** discarded / generated (SpecDec++, arXiv 2405.19715, §2). */
  discardRate: number;
  /** targetPasses / generated (the same). */
  verificationRate: number;
  /** generated / targetPasses, also called block efficiency. */
  tokensPerPass: number;
  /** By depth: how often a drafted token stood there and was submitted, and how often it was accepted. */
  acceptanceByPosition: { drafted: number; accepted: number }[];
  /** By draft length K from 0: in how many rounds. */
  draftLengths: number[];
  /** Why rounds stopped drafting: in how many. */
  stopReasons: Record<StopReason, number>;
  /** generated / (draft + verify + overhead time): without the prompt. */
  tokensPerSecond: number;
  /** (promptTokens - reusedTokens) / promptMillis * 1000. */
  promptTokensPerSecond: number;
  /** Evaluating the prompt in both models. */
  promptMillis: number;
  draftMillis: number;
  verifyMillis: number;
  /** The part of both that was spent inside llama.cpp. */
  decodeMillis: number;
  /** The rest: TypeScript, and the ways between the threads. A consumer's own time is not counted. */
  overheadMillis: number;
  /**
   * What the rule believed, if it is one that predicts: how many drafted tokens would be accepted, over all
   * rounds; and in the last round its throughput and the prices.
   */
  expected?: Expectation;
}

/** Adds up rounds. */
export class StatsCollector {
  #generated = 0;
  #passes = 0;
  #drafted = 0;
  #accepted = 0;
  #draftMicros = 0;
  #verifyMicros = 0;
  #decodeMicros = 0;
  #loopMillis = 0;
  #expected: Expectation | undefined;
  #expectedAccepted = 0;
  readonly #byPosition: { drafted: number; accepted: number }[] = [];
  readonly #draftLengths: number[] = [];
  readonly #stopReasons: Record<StopReason, number> = {
    length: 0,
    gate: 0,
    end: 0,
    room: 0,
    none: 0,
  };
  promptTokens = 0;
  reusedTokens = 0;
  promptMillis = 0;

  /** expected: what the rule had expected of it. */
  addRound(round: RoundInfo, expected?: Expectation): void {
    if (expected) {
      this.#expected = expected;
      this.#expectedAccepted += expected.accepted;
    }
    this.#generated += round.generated;
    this.#passes += 1;
    this.#drafted += round.drafted;
    this.#accepted += round.accepted;
    this.#draftMicros += round.draftMicros;
    this.#verifyMicros += round.verifyMicros;
    this.#decodeMicros += round.decodeMicros;
    this.#stopReasons[round.stopReason] += 1;
    while (this.#draftLengths.length <= round.drafted) this.#draftLengths.push(0);
    this.#draftLengths[round.drafted] = (this.#draftLengths[round.drafted] ?? 0) + 1;
    for (let i = 0; i < round.drafted; ++i) {
      const position = (this.#byPosition[i] ??= { drafted: 0, accepted: 0 });
      position.drafted += 1;
      if (i < round.accepted) position.accepted += 1;
    }
  }

  /** Time that rounds took as a whole, from before the native call until their text was ready. */
  addLoopTime(millis: number): void {
    this.#loopMillis += millis;
  }

  finish(): GenerationStats {
    const generated = this.#generated;
    const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
    const discarded = this.#drafted + this.#passes - generated;
    const draftMillis = this.#draftMicros / 1000;
    const verifyMillis = this.#verifyMicros / 1000;
    return {
      promptTokens: this.promptTokens,
      reusedTokens: this.reusedTokens,
      generated,
      targetPasses: this.#passes,
      drafted: this.#drafted,
      accepted: this.#accepted,
      discarded,
      acceptanceRate: share(this.#accepted, this.#drafted),
      discardRate: share(discarded, generated),
      verificationRate: share(this.#passes, generated),
      tokensPerPass: share(generated, this.#passes),
      acceptanceByPosition: this.#byPosition.map((position) => ({ ...position })),
      draftLengths: [...this.#draftLengths],
      stopReasons: { ...this.#stopReasons },
      tokensPerSecond: share(generated * 1000, this.#loopMillis),
      promptTokensPerSecond: share(
        (this.promptTokens - this.reusedTokens) * 1000,
        this.promptMillis,
      ),
      promptMillis: this.promptMillis,
      draftMillis,
      verifyMillis,
      decodeMillis: this.#decodeMicros / 1000,
      overheadMillis: Math.max(0, this.#loopMillis - draftMillis - verifyMillis),
      ...(this.#expected && { expected: { ...this.#expected, accepted: this.#expectedAccepted } }),
    };
  }
}
