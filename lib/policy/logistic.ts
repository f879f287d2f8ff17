import { logit, sigmoid } from "../log-odds";
import type { StopReason } from "../native/binding";
import type { DraftedToken, Policy, PolicyKind, RoundInfo } from "./policy";

/** What earlier rounds weigh when a new one comes, and how firmly the start is believed. */
const memory = 0.998;
const prior = 4;

/** After how many rounds that drafted nothing one token is drafted all the same: at first, and at most. */
const firstPatience = 4;
const maxPatience = 32;

/**
 * Predicts acceptance by logistic regression on the logit of the draft's largest probability, fitted
 * online by Newton steps, and stops when a rejection in the round becomes likelier than h: SpecDec++'s
 * criterion (arXiv 2405.19715, §3.1) with a predictor that needs no training.
 *
 * A gate that stops every round before its first token would see nothing any more, and never learn
 * that it is wrong. So after some rounds without a draft one token is drafted without a gate; after
 * twice as many the next time, as long as the gate lets none through.
 */
class LogisticPolicy implements Policy {
  readonly name: string;
  readonly needsDetails = true;
  // σ(0 + 1 · logit(mode)) = mode: the confidence itself, to begin with.
  #bias = 0;
  #slope = 1;
  // The curvature seen so far: [[a, b], [b, c]].
  #a = prior;
  #b = 0;
  #c = prior;
  #roundsWithoutDraft = 0;
  #patience = firstPatience;

  constructor(
    private readonly h: number,
    private readonly maxDraft: number,
  ) {
    this.name = `logistic:${h}`;
  }

  next(): ReturnType<Policy["next"]> {
    if (this.#roundsWithoutDraft >= this.#patience) return { length: 1 };
    return {
      length: this.maxDraft,
      gate: {
        when: "before-draw",
        estimate: { bias: this.#bias, logitMode: this.#slope, link: "logistic" },
        over: "product",
        threshold: 1 - this.h,
      },
    };
  }

  observe({ drafted, stopReason, draft = [] }: RoundInfo): void {
    this.#wait(drafted, stopReason);
    this.#learn(draft);
  }

  #wait(drafted: number, stopReason: StopReason): void {
    if (drafted > 0) {
      const tried = this.#roundsWithoutDraft >= this.#patience;
      this.#patience = tried ? Math.min(2 * this.#patience, maxPatience) : firstPatience;
      this.#roundsWithoutDraft = 0;
    } else if (stopReason === "gate") {
      this.#roundsWithoutDraft += 1;
    }
  }

  #learn(draft: readonly DraftedToken[]): void {
    let reached = 1; // the probability that verification came to the token at all
    for (const { mode, acceptance } of draft) {
      const x = logit(mode);
      const predicted = sigmoid(this.#bias + this.#slope * x);
      const curvature = reached * Math.max(predicted * (1 - predicted), 1e-3);
      this.#a = memory * this.#a + curvature;
      this.#b = memory * this.#b + curvature * x;
      this.#c = memory * this.#c + curvature * x * x;
      const gradient = reached * (acceptance - predicted);
      const determinant = this.#a * this.#c - this.#b * this.#b;
      this.#bias += (gradient * (this.#c - this.#b * x)) / determinant;
      this.#slope += (gradient * (this.#a * x - this.#b)) / determinant;
      reached *= acceptance;
    }
  }
}

export const logistic: PolicyKind = {
  name: "logistic",
  describe: "until a rejection is likelier than H, by a regression fitted while running",
  parameter: { name: "H", min: 0, max: 1, default: 0.6 },
  create: (h, maxDraft) => new LogisticPolicy(h, maxDraft),
};
