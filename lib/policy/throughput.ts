import { type Prices, verifyMicros } from "../cost/prices";
import { AcceptanceBelief, type Start } from "./acceptance-belief";
import { Pace } from "./pace";
import type {
  DraftedToken,
  Expectation,
  Policy,
  PolicyKind,
  RoundContext,
  RoundInfo,
  StopRule,
} from "./policy";
import { survivalThresholds } from "./survival-thresholds";
import { Trials } from "./trials";

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

/** The same with a head, to what it says and to what it leaves. */
const startsWithHead: Record<"greedy" | "sampled", Start> = {
  greedy: {
    newest: { bias: 2.4, head: 0.7, logOthers: -1.8, logRatio: 1.3, rootEntropy: -1.06 },
    older: { bias: 1.6, head: 0.75, logOthers: -1.9, logRatio: 1.4, rootEntropy: -0.66 },
    before: { bias: 0.26, head: 0.65, logRatio: 0.86, rootEntropy: -0.09 },
    next: { bias: 1.6, head: 0.2, logOthers: 0.5, logRatio: -0.6, rootEntropy: -0.1 },
    mean: 0.85,
  },
  sampled: {
    newest: { bias: 0.4, head: 0.66, logOthers: 0.46, logRatio: -0.09, rootEntropy: -0.03 },
    older: { bias: 0.56, head: 0.66, logOthers: 0.45, logRatio: -0.1, rootEntropy: -0.11 },
    before: { bias: 0.88, head: 0.66, logRatio: 0.04, rootEntropy: -0.28 },
    next: { bias: 1.43, head: 0.13, logOthers: -0.06, logRatio: 0, rootEntropy: -0.29 },
    mean: 0.75,
  },
};

/** Rounds that are plain to have a price to compare with; and after how many the next of them comes. */
const firstPlain = [1, 4];
const plainPeriod = 1024;

/** The acceptance that a trial hopes for. */
const hopedFor = 0.8;

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

  constructor(
    private readonly maxDraft: number,
    private readonly hasHead: boolean,
  ) {}

  next(context: RoundContext): StopRule {
    // What temperature 0 teaches is of no use above it.
    const name = context.greedy ? "greedy" : "sampled";
    const start = (this.hasHead ? startsWithHead : starts)[name];
    this.#current = this.#regimes[name] ??= new Regime(start, this.maxDraft);
    return this.#current.next(context);
  }

  observe(round: RoundInfo): void {
    this.#current?.observe(round);
  }

  get expectation(): Expectation | undefined {
    return this.#current?.expectation;
  }
}

/** What has been learned in rounds of a kind. */
class Regime {
  #belief: AcceptanceBelief;
  #pace: Pace | undefined;
  readonly #trials = new Trials();
  #rounds = 0;
  #sincePlain = 0;
  /** Of the round under way. */
  #prices: Prices | undefined;
  #tokensPerMicro = NaN;
  #kind: "plain" | "priced" | "trial" | "none" = "none";
  expectation: Expectation | undefined;

  constructor(
    private readonly start: Start,
    private readonly maxDraft: number,
  ) {
    this.#belief = new AcceptanceBelief(start);
  }

  next(context: RoundContext): StopRule {
    const { prices } = context;
    const length = Math.min(this.maxDraft, context.room);
    const rule = this.#decide(context, prices, length);
    this.#prices = prices;
    return rule;
  }

  #decide(context: RoundContext, prices: Prices, length: number): StopRule {
    const { first, later } = this.#belief;
    this.#pace ??= new Pace(bestRound(prices, first, later, this.maxDraft), this.maxDraft);
    this.#tokensPerMicro = this.#pace.tokensPerMicro(prices);
    this.#kind = this.#kindOfNext(length);
    if (this.#kind === "none" || this.#kind === "plain") return { length: 0 };
    if (this.#kind === "trial") {
      const { drafted } = bestRound(prices, hopedFor, hopedFor, length);
      if (drafted > 0) return { length: drafted };
      this.#kind = "priced"; // not even then would it pay
    }
    const { step, draw } = survivalThresholds(
      prices,
      this.#tokensPerMicro,
      later,
      length,
      context.catchUpMicros,
    );
    if (first < (step[0] ?? 0)) return { length: 0 };
    return { length, survival: { ...this.#belief.estimates(), step, draw } };
  }

  #kindOfNext(length: number): "plain" | "priced" | "trial" | "none" {
    if (length === 0) return "none";
    this.#rounds += 1;
    if (this.#sincePlain >= plainPeriod || firstPlain.includes(this.#rounds - 1)) return "plain";
    return this.#trials.due ? "trial" : "priced";
  }

  observe(round: RoundInfo): void {
    const { draft = [], drafted, draftSteps, generated } = round;
    const prices = this.#prices;
    if (prices === undefined || this.#pace === undefined) return;
    this.#sincePlain = draftSteps === 0 ? 0 : this.#sincePlain + 1;
    this.#pace.observe({ tokens: generated, steps: draftSteps, drafted });
    const accepted = draft.length > 0 ? this.#belief.learn(draft) : 0;
    if (draft.length === 0) this.#belief.pass();
    if (this.#kind === "priced") this.#trials.pass(drafted);
    if (this.#kind === "trial" && this.#trials.judge(paid(prices, draft, draftSteps))) {
      // A draft that has become good is another draft.
      this.#belief = new AcceptanceBelief(this.start);
      this.#pace = undefined;
    }
    this.expectation = { accepted, tokensPerSecond: 1e6 * this.#tokensPerMicro, prices };
  }
}

/** Whether the round was faster than plain decoding, in expectation over the dice. */
function paid(prices: Prices, draft: readonly DraftedToken[], steps: number): boolean {
  let survival = 1;
  let tokens = 1;
  for (const { acceptance } of draft) {
    survival *= acceptance;
    tokens += survival;
  }
  const micros = steps * prices.draftStepMicros + verifyMicros(prices, draft.length);
  return tokens / micros > 1 / verifyMicros(prices, 0);
}

/** The round of a fixed length with the most tokens for its time, plain decoding included. */
function bestRound(
  prices: Prices,
  first: number,
  later: number,
  maxDraft: number,
): { tokens: number; steps: number; drafted: number } {
  let best = { tokens: 1, steps: 0, drafted: 0 };
  let bestRate = 1 / verifyMicros(prices, 0);
  let survival = first;
  let tokens = 1;
  for (let K = 1; K <= maxDraft; ++K) {
    tokens += survival;
    survival *= later;
    const rate = tokens / (K * prices.draftStepMicros + verifyMicros(prices, K));
    if (rate > bestRate) {
      bestRate = rate;
      best = { tokens, steps: K, drafted: K };
    }
  }
  return best;
}

export const throughput: PolicyKind = {
  name: "throughput",
  describe: "while a further token is expected to be worth its time, by predictions and prices",
  create: (_, maxDraft, head) => new ThroughputPolicy(maxDraft, head === "full"),
};
