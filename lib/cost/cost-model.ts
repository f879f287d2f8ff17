import type { RoundInfo } from "../policy/policy";
import { type CostTable, interpolate, pricesAt } from "./cost-table";
import { type Prices, verifyMicros } from "./prices";
import { median } from "./timing";

/** How many of the last rounds of a kind count. Half of them can be out of line without an effect. */
const memory = 15;
/** After so many rounds of other lengths a length's oldest round is forgotten: a rule may avoid it for an outlier. */
const patience = 100;
/** A guess: what a token that is read beside others takes of a step. */
const readingShare = 0.25;
/** What a measured price counts for when rounds begin to differ from it: so many rounds that were as measured. */
const measuredWeight = 5;

/**
 * What drafting and verifying cost on this machine: a table to begin with, refined by every round.
 *
 * For each K the last rounds' times are kept as shares of what the table says for their context
 * length; their median corrects the table. A K that has not come up is corrected as its neighbours
 * are, so a guess needs to have no more than the shape, and a machine that has become slower is
 * noticed by the rounds there are. Nothing is smoothed over K: the real curve has steps.
 */
export class CostModel {
  readonly #verify: Window[];
  readonly #draftStep: Window;
  /** What the draft takes to read a token beside others, as a share of a step. */
  readonly #reading = new Window(0);
  /** Microseconds of a round outside of its native halves. */
  readonly #overhead = new Window(0);
  #rounds = 0;
  /** Tokens that the draft has to read before it draws the next one; in a round after a rejection 1. */
  #unread = 1;

  /** measured: whether the table is a calibration; else it is a guess, which the first rounds replace. */
  constructor(
    private readonly table: CostTable,
    private readonly measured: boolean,
    maxDraft: number,
  ) {
    const weight = measured ? measuredWeight : 0;
    this.#verify = Array.from({ length: maxDraft + 1 }, () => new Window(weight));
    this.#draftStep = new Window(weight);
  }

  /** The prices of a round with so many tokens before it; what a round costs beside its halves is part of V. */
  prices(contextLength: number): Prices {
    const base = pricesAt(this.table, contextLength);
    const corrections = this.#verify.map((window) => window.median);
    const known = corrections.some((correction) => correction !== undefined);
    return {
      draftStepMicros: base.draftStepMicros * (this.#draftStep.median ?? 1),
      verifyMicros: corrections.map(
        (_, K) =>
          verifyMicros(base, K) * (known ? interpolate(corrections, K) : 1) +
          (this.#overhead.median ?? 0),
      ),
    };
  }

  /** The price of a plain round, V(0), if it was measured: in a calibration, or by plain rounds. */
  plainMicros(contextLength: number): number | undefined {
    const known = this.measured || this.#verify[0]?.median !== undefined;
    return known ? this.prices(contextLength).verifyMicros[0] : undefined;
  }

  /** What the draft would take, beside its first step, to read what was generated without it. */
  catchUpMicros(contextLength: number): number {
    const step = pricesAt(this.table, contextLength).draftStepMicros;
    return (this.#unread - 1) * (this.#reading.median ?? readingShare) * step;
  }

  /** contextLength: tokens before the round; overheadMicros: what it took beside drafting and verifying. */
  observe(round: RoundInfo, contextLength: number, overheadMicros = 0): void {
    const { drafted, accepted, draftSteps, stopReason } = round;
    const unread = this.#unread;
    if (draftSteps === 0) this.#unread += round.generated;
    else this.#unread = accepted === drafted && draftSteps === drafted ? 2 : 1;
    this.#rounds += 1;
    if (this.#rounds === 1) return; // pays for pages that come in

    this.#overhead.add(Math.max(0, overheadMicros));
    const base = pricesAt(this.table, contextLength);
    // After plain rounds the draft has much to read, which is no step's price.
    if (draftSteps > 0 && unread <= 2) {
      this.#draftStep.add(round.draftMicros / draftSteps / base.draftStepMicros);
    } else if (draftSteps > 0) {
      const steps = draftSteps * base.draftStepMicros * (this.#draftStep.median ?? 1);
      const reading = Math.max(0, round.draftMicros - steps) / (unread - 1);
      this.#reading.add(reading / base.draftStepMicros);
    }
    // After a drafted end of generation a row is left out.
    for (const window of this.#verify) window.age();
    if (stopReason !== "end") {
      this.#verify[drafted]?.add(round.verifyMicros / verifyMicros(base, drafted));
    }
  }
}

/** The last values that were added. */
class Window {
  readonly #values: number[];
  #median: number | undefined;
  #hasNew = false;
  #age = 0;

  /** weight: how many values of 1 there are to begin with. */
  constructor(private readonly weight: number) {
    this.#values = Array<number>(weight).fill(1);
  }

  add(value: number): void {
    this.#hasNew = true;
    this.#age = 0;
    this.#values.push(value);
    if (this.#values.length > memory) this.#values.shift();
    this.#median = undefined;
  }

  /** Of a round that added nothing here. */
  age(): void {
    this.#age += 1;
    if (this.#age < patience || !this.#hasNew) return;
    this.#age = 0;
    this.#values.shift();
    this.#median = undefined;
    this.#hasNew = this.#values.length > this.weight;
  }

  /** Of these values; undefined before the first that was added. Worked out when asked for: few rules ask. */
  get median(): number | undefined {
    if (this.#hasNew) this.#median ??= median(this.#values);
    return this.#median;
  }
}
