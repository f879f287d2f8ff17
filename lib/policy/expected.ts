import type { Policy, PolicyKind, RoundInfo } from "./policy";

/** Weight of a new observation, and how often a neighbouring length is tried. */
const rate = 0.1;
const explorationPeriod = 32;

/**
 * Chooses, before each round, the length N with the most tokens for the time: argmax committed(N) /
 * cost(N) with N = 0 allowed, from the average acceptance at each depth and the measured costs. The
 * controller of ollama's MLX runner; it does not look at what is drafted.
 */
class ExpectedPolicy implements Policy {
  readonly name = "expected";
  readonly needsDetails = true;
  readonly #acceptance: number[];
  readonly #verifyMicros = new Map<number, number>();
  readonly #firstLengths: number[];
  #stepMicros: number | undefined;
  #rounds = 0;

  constructor(private readonly maxDraft: number) {
    this.#acceptance = Array<number>(maxDraft).fill(0.7);
    // A few lengths at first, so that there are costs to compare.
    this.#firstLengths = [4, 0, 1, 8, 2].map((length) => Math.min(length, maxDraft));
  }

  next(): ReturnType<Policy["next"]> {
    const first = this.#firstLengths[this.#rounds];
    this.#rounds += 1;
    if (first !== undefined) return { length: first };
    const best = this.#best();
    if (this.#rounds % explorationPeriod !== 0) return { length: best };
    const neighbour = this.#rounds % (2 * explorationPeriod) === 0 ? best + 1 : best - 1;
    return { length: Math.min(Math.max(neighbour, 0), this.maxDraft) };
  }

  observe({ drafted, draft = [], draftMicros, verifyMicros }: RoundInfo): void {
    if (drafted > 0) this.#stepMicros = blend(this.#stepMicros, draftMicros / drafted);
    this.#verifyMicros.set(drafted, blend(this.#verifyMicros.get(drafted), verifyMicros));
    for (const [i, { acceptance }] of draft.entries()) {
      this.#acceptance[i] = blend(this.#acceptance[i], acceptance);
    }
  }

  #best(): number {
    let best = { length: 0, rate: 1 / this.#verification(0) };
    let survival = 1;
    let committed = 1;
    for (let length = 1; length <= this.maxDraft; ++length) {
      survival *= this.#acceptance[length - 1] ?? 0;
      committed += survival;
      const cost = length * (this.#stepMicros ?? 0) + this.#verification(length);
      if (committed / cost > best.rate) best = { length, rate: committed / cost };
    }
    return best.length;
  }

  /** Measured, or on the line between the nearest lengths that were. */
  #verification(length: number): number {
    const known = this.#verifyMicros.get(length);
    if (known !== undefined) return known;
    const lengths = [...this.#verifyMicros.keys()].sort((a, b) => a - b);
    const after = Math.max(
      1,
      lengths.findIndex((seen) => seen > length),
    );
    const end = lengths.findIndex((seen) => seen > length) < 0 ? lengths.length - 1 : after;
    const [low, high] = [lengths[end - 1], lengths[end]];
    if (low === undefined || high === undefined) return 1;
    const [atLow, atHigh] = [this.#verifyMicros.get(low) ?? 1, this.#verifyMicros.get(high) ?? 1];
    return Math.max(1, atLow + ((atHigh - atLow) * (length - low)) / (high - low));
  }
}

function blend(old: number | undefined, seen: number): number {
  return old === undefined ? seen : old + rate * (seen - old);
}

export const expected: PolicyKind = {
  name: "expected",
  describe:
    "the length with the best tokens for the time, by average acceptance and measured costs",
  create: (_, maxDraft) => new ExpectedPolicy(maxDraft),
};
