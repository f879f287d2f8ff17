import { type Start } from "./acceptance-belief";
import type { Expectation, Policy, PolicyKind, RoundContext, RoundInfo, StopRule } from "./policy";
import { plainRule, Regime } from "./regime";

/**
 * Where beliefs start: fits to the rounds of the embedded pair, which other pairs soon correct. At
 * temperature 0 whether a token is accepted is told by how far it is ahead of the next best; above, where
 * tokens are drawn, by how much q leaves to others.
 */
const starts: Record<"greedy" | "sampled", Start> = {
  greedy: {
    newest: { bias: 2.05, logOthers: -0.3, logRatio: 2, rootEntropy: -1.16 },
    before: { bias: 1.74, logRatio: 1.91, rootEntropy: -1.02 },
    next: { bias: 2.4, logOthers: 0.33, logRatio: -0.31, rootEntropy: -0.32 },
    mean: 0.85,
  },
  sampled: {
    newest: { bias: 0.85, logOthers: 1.1, logRatio: -0.12, rootEntropy: -0.03 },
    before: { bias: 1.75, logRatio: 0.22, rootEntropy: -0.56 },
    next: { bias: 1.65, logOthers: -0.04, logRatio: 0, rootEntropy: -0.33 },
    mean: 0.75,
  },
};

/** The same with a head: what it says is taken as it is, since it was calibrated for the pair. */
const headSays = { bias: 0, head: 1, logOthers: 0, logRatio: 0, rootEntropy: 0 };
const startsWithHead: Record<"greedy" | "sampled", Start> = {
  greedy: {
    newest: headSays,
    older: headSays,
    before: { bias: 0, head: 1, logRatio: 0, rootEntropy: 0 },
    next: { bias: 1.5, head: 0.2, logOthers: 0.5, logRatio: -0.6, rootEntropy: -0.1 },
    mean: 0.85,
  },
  sampled: {
    newest: headSays,
    older: headSays,
    before: { bias: 0, head: 1, logRatio: 0, rootEntropy: 0 },
    next: { bias: 1.45, head: 0.13, logOthers: -0.1, logRatio: 0, rootEntropy: -0.3 },
    mean: 0.75,
  },
};

/**
 * Drafts on exactly while a further token is expected to bring more than the time for it would bring
 * elsewhere: SpecDec++'s criterion (arXiv 2405.19715, §3.1) without its threshold, because the cost
 * of a rejection follows from the prices and from what the rule itself comes to. Survival is predicted
 * from q alone, by regressions that learn from every verified row. docs/stop-rules.md has the formulas.
 */
class ThroughputPolicy implements Policy {
  readonly name = "throughput";
  readonly needsDetails = true;
  readonly #regimes: Partial<Record<keyof typeof starts, Regime>> = {};
  #current: Regime | undefined;
  #greedy = false;
  /**
   * Of a decision not to draft: rounds that it will still hold for, and that it has held for. They are all
   * that a round of such a rest looks at, whose pass may take no more than half a millisecond.
   */
  #restLeft = 0;
  #rested = 0;
  #isResting = false;

  constructor(
    private readonly maxDraft: number,
    private readonly hasHead: boolean,
  ) {}

  next(context: RoundContext): StopRule {
    this.#isResting = this.#restLeft > 0 && context.greedy === this.#greedy;
    if (this.#isResting) {
      this.#restLeft -= 1;
      this.#rested += 1;
      return plainRule;
    }
    this.#current?.wake(this.#rested);
    this.#rested = 0;
    // What temperature 0 teaches is of no use above it.
    const name = context.greedy ? "greedy" : "sampled";
    const start = (this.hasHead ? startsWithHead : starts)[name];
    this.#greedy = context.greedy;
    this.#current = this.#regimes[name] ??= new Regime(start, this.maxDraft);
    return this.#current.next(context);
  }

  observe(round: RoundInfo): void {
    if (!this.#isResting) this.#restLeft = this.#current?.observe(round) ?? 0;
  }

  get expectation(): Expectation | undefined {
    return this.#current?.expectation;
  }
}

export const throughput: PolicyKind = {
  name: "throughput",
  describe: "while a further token is expected to be worth its time, by predictions and prices",
  create: (_, maxDraft, head) => new ThroughputPolicy(maxDraft, head === "full"),
};
