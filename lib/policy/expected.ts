import { verifyMicros } from "../cost/prices";
import type { Policy, PolicyKind, RoundContext, RoundInfo, StopRule } from "./policy";

/** Weight of a new observation, and how often a neighbouring length is tried. */
const rate = 0.1;
const explorationPeriod = 32;

/**
 * Chooses, before each round, the length N with the most tokens for the time: argmax committed(N) /
 * cost(N) with N = 0 allowed, from the average acceptance at each depth and the prices. The controller
 * of ollama's MLX runner; it does not look at what is drafted.
 */
class ExpectedPolicy implements Policy {
  readonly name = "expected";
  readonly needsDetails = true;
  readonly #acceptance: number[];
  readonly #firstLengths: number[];
  #rounds = 0;

  constructor(private readonly maxDraft: number) {
    this.#acceptance = Array<number>(maxDraft).fill(0.7);
    // A few lengths at first: prices that nobody measured are refined by rounds alone.
    this.#firstLengths = [4, 0, 1, 8, 2].map((length) => Math.min(length, maxDraft));
  }

  next(context: RoundContext): StopRule {
    const first = this.#firstLengths[this.#rounds];
    this.#rounds += 1;
    if (first !== undefined) return { length: first };
    const best = this.#best(context);
    if (this.#rounds % explorationPeriod !== 0) return { length: best };
    const neighbour = this.#rounds % (2 * explorationPeriod) === 0 ? best + 1 : best - 1;
    return { length: Math.min(Math.max(neighbour, 0), this.maxDraft) };
  }

  observe({ draft = [] }: RoundInfo): void {
    for (const [i, { acceptance }] of draft.entries()) {
      const old = this.#acceptance[i] ?? acceptance;
      this.#acceptance[i] = old + rate * (acceptance - old);
    }
  }

  #best({ prices }: RoundContext): number {
    let best = { length: 0, rate: 1 / verifyMicros(prices, 0) };
    let survival = 1;
    let committed = 1;
    for (let length = 1; length <= this.maxDraft; ++length) {
      survival *= this.#acceptance[length - 1] ?? 0;
      committed += survival;
      const cost = length * prices.draftStepMicros + verifyMicros(prices, length);
      if (committed / cost > best.rate) best = { length, rate: committed / cost };
    }
    return best.length;
  }
}

export const expected: PolicyKind = {
  name: "expected",
  describe:
    "the length with the best tokens for the time, by average acceptance and measured costs",
  create: (_, maxDraft) => new ExpectedPolicy(maxDraft),
};
