import { type Prices, verifyMicros } from "../cost/prices";

/** What earlier rounds weigh when another has come, and how many the start is worth. */
const memory = 0.995;
const startRounds = 8;

/** What a round of that length comes to: its tokens, passes of the draft, drafted tokens. */
export interface PacedRound {
  tokens: number;
  steps: number;
  drafted: number;
}

/**
 * R, the tokens a microsecond that a rule comes to: a running mean over its rounds, in which time is
 * what these would cost now. So it follows prices at once, and a stall of the machine is no part of it.
 */
export class Pace {
  #tokens = 0;
  #steps = 0;
  /** By drafted tokens. */
  readonly #passes: number[];

  /** start: a round as they are expected to be. */
  constructor(start: PacedRound, maxDraft: number) {
    this.#passes = Array<number>(maxDraft + 1).fill(0);
    this.#add(start, startRounds);
  }

  tokensPerMicro(prices: Prices): number {
    const micros = this.#passes.reduce(
      (sum, count, K) => sum + count * verifyMicros(prices, K),
      this.#steps * prices.draftStepMicros,
    );
    return this.#tokens / micros;
  }

  observe(round: PacedRound): void {
    this.#tokens *= memory;
    this.#steps *= memory;
    for (const [K, count] of this.#passes.entries()) this.#passes[K] = memory * count;
    this.#add(round, 1);
  }

  #add({ tokens, steps, drafted }: PacedRound, weight: number): void {
    this.#tokens += weight * tokens;
    this.#steps += weight * steps;
    this.#passes[drafted] = (this.#passes[drafted] ?? 0) + weight;
  }
}
