// How good probabilities are. Labels are acceptance probabilities P themselves, 0…1, not only 0 and 1.

/** Of predicted probabilities p̂ against labels P. */
export interface HeadMetrics {
  examples: number;
  /** Mean of P. */
  accepted: number;
  /** Cross-entropy -(P ln p̂ + (1 - P) ln(1 - p̂)), nats. */
  loss: number;
  /** KL(P ‖ p̂): the loss less the entropy of P, which no prediction can be below. SpecDec++'s metric (arXiv 2405.19715, §3.2). */
  kl: number;
  /** Mean of (P - p̂)². */
  brier: number;
  /** The probability that of an accepted and a rejected token the accepted one has the higher p̂; ties count half. */
  auc: number;
  /** Expected calibration error over 15 bins of p̂ (Guo et al. 2017, arXiv 1706.04599). */
  ece: number;
}

/** A bin of a reliability diagram. */
export interface ReliabilityBin {
  /** Mean of p̂ and of P. */
  predicted: number;
  accepted: number;
  examples: number;
}

const bins = 15;

/** What a logarithm is taken of at least: a prediction of exactly 0 or 1 costs much, not without end. */
export const smallestPredicted = 1e-7;

/** Predictions and their labels; sorted once, so that metrics of resamples are quick. */
export class Scored {
  readonly #order: Int32Array;

  constructor(
    readonly predicted: ArrayLike<number>,
    readonly labels: ArrayLike<number>,
  ) {
    this.#order = Int32Array.from({ length: labels.length }, (_, i) => i).sort(
      (a, b) => (predicted[a] ?? 0) - (predicted[b] ?? 0) || a - b,
    );
  }

  /** weights: how often each counts. */
  metrics(weights?: ArrayLike<number>): HeadMetrics {
    const { predicted, labels } = this;
    let examples = 0;
    let accepted = 0;
    let loss = 0;
    let entropy = 0;
    let brier = 0;
    for (let i = 0; i < labels.length; ++i) {
      const weight = weights?.[i] ?? 1;
      if (weight === 0) continue;
      const label = labels[i] ?? NaN;
      const p = predicted[i] ?? NaN;
      const bounded = Math.min(Math.max(p, smallestPredicted), 1 - smallestPredicted);
      examples += weight;
      accepted += weight * label;
      loss -= weight * (label * Math.log(bounded) + (1 - label) * Math.log(1 - bounded));
      entropy -= weight * (plogp(label) + plogp(1 - label));
      brier += weight * (label - p) ** 2;
    }
    return {
      examples,
      accepted: accepted / examples,
      loss: loss / examples,
      kl: (loss - entropy) / examples,
      brier: brier / examples,
      auc: this.#auc(weights),
      ece: this.reliability(weights).reduce(
        (sum, bin) => sum + (bin.examples / examples) * Math.abs(bin.predicted - bin.accepted),
        0,
      ),
    };
  }

  /** The bins of equal width that have examples. */
  reliability(weights?: ArrayLike<number>): ReliabilityBin[] {
    const sums = Array.from({ length: bins }, () => ({ predicted: 0, accepted: 0, examples: 0 }));
    for (let i = 0; i < this.labels.length; ++i) {
      const weight = weights?.[i] ?? 1;
      const p = this.predicted[i] ?? NaN;
      const bin = sums[Math.min(bins - 1, Math.max(0, Math.floor(p * bins)))];
      if (bin === undefined) continue;
      bin.predicted += weight * p;
      bin.accepted += weight * (this.labels[i] ?? NaN);
      bin.examples += weight;
    }
    return sums
      .filter(({ examples }) => examples > 0)
      .map(({ predicted, accepted, examples }) => ({
        predicted: predicted / examples,
        accepted: accepted / examples,
        examples,
      }));
  }

  /** An example counts P times among the accepted and 1 - P times among the rejected. */
  #auc(weights?: ArrayLike<number>): number {
    const { predicted, labels } = this;
    const order = this.#order;
    let pairs = 0;
    let acceptedSum = 0;
    let rejectedBelow = 0;
    for (let i = 0; i < order.length;) {
      const p = predicted[order[i] ?? 0];
      let accepted = 0;
      let rejected = 0;
      for (; i < order.length && predicted[order[i] ?? 0] === p; ++i) {
        const at = order[i] ?? 0;
        const weight = weights?.[at] ?? 1;
        accepted += weight * (labels[at] ?? NaN);
        rejected += weight * (1 - (labels[at] ?? NaN));
      }
      pairs += accepted * (rejectedBelow + rejected / 2);
      acceptedSum += accepted;
      rejectedBelow += rejected;
    }
    return pairs / (acceptedSum * rejectedBelow);
  }
}

function plogp(p: number): number {
  return p > 0 ? p * Math.log(p) : 0;
}
