import type { RoundInfo } from "../policy/policy";
import {
  type Corrections,
  correctedCurve,
  correctedGuess,
  firstCorrection,
} from "./corrected-curve";
import { type CostTable, pricesAt } from "./cost-table";
import { type Prices, verifyMicros } from "./prices";
import { Slowdown } from "./slowdown";
import { enough, memory, Window } from "./window";

/** So many plain rounds count as a draft for what a window forgets: a rule may have gone plain for prices of a cold start. */
const plainRoundsOfADraft = 8;
/** For how many rounds prices are not worked out again. */
const longestLasting = 8;
/** Tokens of context within which nothing is looked up or worked out again. */
const nearby = 64;
/** A guess: what a token that is read beside others takes of a step. */
const readingShare = 0.25;
/** What a measured price counts for when rounds begin to differ from it: so many rounds that were as measured. */
const measuredWeight = 5;

/**
 * What drafting and verifying cost on this machine: a table to begin with, refined by every round.
 *
 * For each K the last rounds' times are kept as shares of what the table says for their context
 * length; their median corrects the table, and with it the K that have not come up. A machine that has
 * become slower is noticed by the rounds there are, and is so for the K that do not come up now. Nothing
 * is smoothed over K: the real curve has steps.
 */
export class CostModel {
  readonly #verify: Window[];
  readonly #draftStep: Window;
  readonly #slowdown = new Slowdown();
  /** What the draft takes to read a token beside others, as a share of a step. */
  readonly #reading = new Window(0);
  /** Microseconds of a round outside of its native halves: of plain ones, and of those with a draft. */
  readonly #plainOverhead = new Window(0);
  readonly #draftOverhead = new Window(0);
  #rounds = 0;
  #age = 0;
  /** Tokens that the draft has to read before it draws the next one; in a round after a rejection 1. */
  #unread = 1;
  #afterDraft = false;
  #asked: { at: number; prices: Prices };
  #answered: { rounds: number; at: number; prices: Prices };

  /** measured: whether the table is a calibration; else it is a guess, which the first rounds replace. */
  constructor(
    private readonly table: CostTable,
    private readonly measured: boolean,
    maxDraft: number,
  ) {
    const weight = measured ? measuredWeight : 0;
    // Where it drafts a rule hardly sees V(0), and then in a cold start; if that seems cheap, it soon sees more.
    this.#verify = Array.from(
      { length: maxDraft + 1 },
      (_, K) => new Window(weight, K === 0 ? memory : enough),
    );
    this.#draftStep = new Window(weight);
    this.#asked = { at: 0, prices: pricesAt(table, 0) };
    this.#answered = { ...this.#asked, rounds: -Infinity };
  }

  /**
   * The prices of a round with so many tokens before it; what a round costs beside its halves is part of V.
   * Soon a few rounds change little, and they are work in a round's way: then they are not worked out each time.
   */
  prices(contextLength: number): Prices {
    const { rounds, at, prices } = this.#answered;
    const lasting = Math.min(this.#rounds / 16, longestLasting);
    if (this.#rounds - rounds < lasting && Math.abs(contextLength - at) < nearby) return prices;
    this.#answered = {
      rounds: this.#rounds,
      at: contextLength,
      prices: this.#pricesAt(contextLength),
    };
    return this.#answered.prices;
  }

  #pricesAt(contextLength: number): Prices {
    const base = this.#tabled(contextLength);
    for (const window of this.#verify.slice(1)) window.forget(this.#age);
    const curve = this.#verify.map((_, K) => verifyMicros(base, K));
    const corrected = this.measured
      ? correctedCurve(curve, this.#corrections)
      : correctedGuess(
          curve,
          this.#correctionsWhere((window, K) => K === 0 || !window.single),
          this.#correctionsWhere((window, K) => K > 0 && window.single),
        );
    const plain = this.#plainOverhead.typical ?? this.#draftOverhead.typical ?? 0;
    const drafting = this.#draftOverhead.typical ?? plain;
    return {
      draftStepMicros: this.#draftStepMicros(base),
      verifyMicros: corrected.map((micros, K) => micros + (K === 0 ? plain : drafting)),
    };
  }

  /** What the table says. */
  #tabled(contextLength: number): Prices {
    if (Math.abs(this.#asked.at - contextLength) >= nearby) {
      this.#asked = { at: contextLength, prices: pricesAt(this.table, contextLength) };
    }
    return this.#asked.prices;
  }

  get #corrections(): Corrections {
    return this.#correctionsWhere(() => true);
  }

  #correctionsWhere(which: (window: Window, K: number) => boolean): Corrections {
    const { factor } = this.#slowdown;
    return this.#verify.map((window, K) => {
      const { typical } = window;
      return typical !== undefined && which(window, K) ? typical * factor : undefined;
    });
  }

  #draftStepMicros(base: Prices): number {
    // What passes of the target show of a guess, they show of its unit.
    const { factor } = this.#slowdown;
    const unit = this.measured ? factor : (firstCorrection(this.#corrections) ?? 1);
    const { typical } = this.#draftStep;
    return base.draftStepMicros * (typical === undefined ? unit : typical * factor);
  }

  /** The price of a plain round, V(0), if it was measured: in a calibration, or by plain rounds. */
  plainMicros(contextLength: number): number | undefined {
    const known = this.measured || this.#verify[0]?.typical !== undefined;
    return known ? this.prices(contextLength).verifyMicros[0] : undefined;
  }

  /** What the draft would take, beside its first step, to read what was generated without it. */
  catchUpMicros(contextLength: number): number {
    const step = this.#draftStepMicros(this.#tabled(contextLength));
    return (this.#unread - 1) * (this.#reading.typical ?? readingShare) * step;
  }

  /** contextLength: tokens before the round; overheadMicros: what it took beside drafting and verifying. */
  observe(round: RoundInfo, contextLength: number, overheadMicros = 0): void {
    const { drafted, accepted, draftSteps, stopReason } = round;
    const unread = this.#unread;
    const afterDraft = this.#afterDraft;
    this.#afterDraft = draftSteps > 0;
    if (draftSteps === 0) this.#unread += round.generated;
    else this.#unread = accepted === drafted && draftSteps === drafted ? 2 : 1;
    this.#rounds += 1;
    if (this.#rounds === 1) return; // pays for pages that come in
    // A plain round after a draft takes longer than plain decoding: other graphs, colder caches.
    if (draftSteps === 0 && afterDraft) return;

    this.#age += drafted > 0 ? 1 : 1 / plainRoundsOfADraft;
    const overhead = draftSteps === 0 ? this.#plainOverhead : this.#draftOverhead;
    overhead.add(Math.max(0, overheadMicros));
    const base = this.#tabled(contextLength);
    // After plain rounds the draft has much to read, which is no step's price.
    if (draftSteps > 0 && unread <= 2) {
      const share = round.draftMicros / draftSteps / base.draftStepMicros;
      this.#draftStep.add(share / this.#slowdown.factor);
    } else if (draftSteps > 0 && this.#draftStep.typical !== undefined) {
      const step = this.#draftStepMicros(base);
      const reading = (round.draftMicros - draftSteps * step) / (unread - 1) / step;
      // A token beside others takes no more than one alone. A stall would say so, and keep the draft off.
      this.#reading.add(Math.min(Math.max(0, reading), 1));
    }
    // After a drafted end of generation a row is left out; after a draft step nobody decodes plainly.
    if (stopReason !== "end" && (drafted > 0 || draftSteps === 0)) {
      const share = round.verifyMicros / verifyMicros(base, drafted);
      const window = this.#verify[drafted];
      if (window?.full && window.typical !== undefined)
        this.#slowdown.observe(share / window.typical);
      window?.add(share / this.#slowdown.factor, this.#age);
    }
  }
}
