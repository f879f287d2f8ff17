import { OnlineLogistic } from "./online-logistic";
import type { DraftedToken, Estimate, HeadLogits, SurvivalGate } from "./policy";

/** Weights of an estimate's features. */
export type Weights = Partial<Record<Feature, number>>;

/** Where beliefs start. */
export interface Start {
  newest: Weights;
  /** Where a head tells more of a token that the draft has read. */
  older?: Weights;
  before: Weights;
  next: Weights;
  /** What a round's first token is accepted with, and those further on. */
  mean: number;
}

type Estimates = Pick<SurvivalGate, "newest" | "older" | "before" | "next">;

/** Features of an estimate, of a token and its q, as native/engine/stop-rule.cpp has them. */
const features = {
  bias: () => 1,
  logRatio: ({ mode, margin }: DraftedToken) => Math.log(mode / Math.max(mode - margin, 1e-6)),
  rootEntropy: ({ entropy }: DraftedToken) => Math.sqrt(entropy),
  logOthers: ({ q }: DraftedToken) => -Math.log(Math.max(1 - q, 1e-9)),
  head: ({ head }: DraftedToken, asked: keyof HeadLogits) => head?.[asked] ?? NaN,
} as const;
type Feature = keyof typeof features;

/** How many rows of full weight the start is worth, for each weight. */
const belief = 32;
/** What a row weighs when another has come. */
const memory = 0.9995;
/** The same of rounds for the mean of first tokens, and of rows for that of later ones. */
const meanMemory = 0.99;
/** How many rounds the start of the mean of first tokens is worth. */
const startRounds = 4;
/** How far the text at hand, which is easier or harder than others, moves the log-odds, and how soon that fades. */
const recentRate = 0.1;
const recentMemory = 0.8;

/**
 * What is believed of the acceptance of drafted tokens, by their probability and the shape of the
 * distribution that they were drawn from. Learns from what verification shows of every row: its
 * acceptance probability, weighted by the probability that verification came so far.
 */
export class AcceptanceBelief {
  readonly #newest: Regression;
  readonly #older: Regression | undefined;
  readonly #before: Regression;
  readonly #next: Regression;
  #first: number;
  #later: number;
  #firstRounds = startRounds;
  #recent = 0;

  constructor(start: Start) {
    this.#newest = new Regression(start.newest, "newest");
    this.#older = start.older && new Regression(start.older, "older");
    this.#before = new Regression(start.before, "before");
    this.#next = new Regression(start.next, "newest");
    this.#first = start.mean;
    this.#later = start.mean;
  }

  /** Of a round's first token, when nothing is known of it. */
  get first(): number {
    return this.#first;
  }

  /** Of tokens further on in a round. */
  get later(): number {
    return this.#later;
  }

  estimates(): Estimates {
    return {
      newest: this.#newest.estimate(this.#recent),
      ...(this.#older && { older: this.#older.estimate(this.#recent) }),
      before: this.#before.estimate(this.#recent),
      next: this.#next.estimate(this.#recent),
    };
  }

  /** Of a verified draft. Returns how many of its tokens were believed to be accepted. */
  learn(draft: readonly DraftedToken[]): number {
    const recent = this.#recent;
    let believed = 0;
    let survival = 1; // as believed
    let reached = 1; // the probability that verification came to the token at all
    let surprise = 0;
    for (const [i, token] of draft.entries()) {
      const { acceptance } = token;
      const predicted = this.#newest.predict(token, recent);
      survival *= predicted;
      believed += survival;
      surprise += reached * (acceptance - predicted);
      this.#newest.learn(token, acceptance, reached, recent);
      this.#older?.learn(token, acceptance, reached, recent);
      this.#before.learn(token, acceptance, reached, recent);
      const last = draft[i - 1];
      if (last === undefined) this.#learnFirst(acceptance);
      else {
        this.#next.learn(last, acceptance, reached, recent);
        this.#later += (1 - meanMemory) * reached * (acceptance - this.#later);
      }
      reached *= acceptance;
    }
    this.#recent = recentMemory * recent + recentRate * surprise;
    return believed;
  }

  /** Of a round without a draft: the text goes on. */
  pass(): void {
    this.#recent *= recentMemory;
  }

  #learnFirst(acceptance: number): void {
    this.#firstRounds = meanMemory * this.#firstRounds + 1;
    this.#first += (acceptance - this.#first) / this.#firstRounds;
  }
}

/** One of the estimates. */
class Regression {
  readonly #names: readonly Feature[];
  readonly #model: OnlineLogistic;

  /** asked: what of a head it weighs. */
  constructor(
    start: Weights,
    private readonly asked: keyof HeadLogits,
  ) {
    this.#names = Object.keys(start) as Feature[];
    this.#model = new OnlineLogistic(Object.values(start), belief / 4, memory);
  }

  estimate(offset: number): Estimate {
    const weights = this.#model.weights;
    const named = Object.fromEntries(this.#names.map((name, i) => [name, weights[i] ?? NaN]));
    return { ...named, bias: (named.bias ?? 0) + offset, link: "logistic" };
  }

  predict(token: DraftedToken, offset: number): number {
    return this.#model.predict(this.#of(token), offset);
  }

  learn(token: DraftedToken, label: number, weight: number, offset: number): void {
    const values = this.#of(token);
    // A head has not been asked once more of a draft's last token.
    if (!values.some(Number.isNaN)) this.#model.learn(values, label, weight, offset);
  }

  #of(token: DraftedToken): number[] {
    return this.#names.map((name) => features[name](token, this.asked));
  }
}
