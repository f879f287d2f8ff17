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

/** What estimates weigh, by column. */
const columns = [
  "bias",
  "logRatio",
  "rootEntropy",
  "logOthers",
  "newest",
  "older",
  "before",
] as const;
type Feature = "bias" | "logRatio" | "rootEntropy" | "logOthers" | "head";

/** Features of a token and its q, as native/engine/stop-rule.cpp has them, and what a head says of it. */
function featuresOf({ q, mode, margin, entropy, head }: DraftedToken): number[] {
  return [
    1,
    Math.log(mode / Math.max(mode - margin, 1e-6)),
    Math.sqrt(entropy),
    -Math.log(Math.max(1 - q, 1e-9)),
    head?.newest ?? NaN,
    head?.older ?? NaN,
    head?.before ?? NaN,
  ];
}

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
    let last: number[] | undefined;
    for (const token of draft) {
      const { acceptance } = token;
      const features = featuresOf(token);
      const predicted = this.#newest.predict(features, recent);
      survival *= predicted;
      believed += survival;
      surprise += reached * (acceptance - predicted);
      this.#newest.learn(features, acceptance, reached, recent);
      this.#older?.learn(features, acceptance, reached, recent);
      this.#before.learn(features, acceptance, reached, recent);
      if (last === undefined) this.#learnFirst(acceptance);
      else {
        this.#next.learn(last, acceptance, reached, recent);
        this.#later += (1 - meanMemory) * reached * (acceptance - this.#later);
      }
      last = features;
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
  /** Where its features stand in a row of them. */
  readonly #columns: readonly number[];
  readonly #values: number[];
  readonly #model: OnlineLogistic;

  /** asked: what of a head it weighs. */
  constructor(start: Weights, asked: keyof HeadLogits) {
    this.#names = Object.keys(start) as Feature[];
    this.#columns = this.#names.map((name) => columns.indexOf(name === "head" ? asked : name));
    this.#values = this.#columns.map(() => NaN);
    this.#model = new OnlineLogistic(Object.values(start), belief / 4, memory);
  }

  estimate(offset: number): Estimate {
    const { weights } = this.#model;
    const estimate: Estimate = { link: "logistic", bias: offset };
    for (const [i, name] of this.#names.entries()) {
      estimate[name] = (weights[i] ?? NaN) + (name === "bias" ? offset : 0);
    }
    return estimate;
  }

  predict(features: readonly number[], offset: number): number {
    return this.#model.predict(this.#of(features), offset);
  }

  learn(features: readonly number[], label: number, weight: number, offset: number): void {
    const values = this.#of(features);
    // A head has not been asked once more of a draft's last token.
    if (!values.some(Number.isNaN)) this.#model.learn(values, label, weight, offset);
  }

  #of(features: readonly number[]): readonly number[] {
    for (const [i, column] of this.#columns.entries()) this.#values[i] = features[column] ?? NaN;
    return this.#values;
  }
}
