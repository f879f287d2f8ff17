// Measures what rounds cost as they are served: the engine's own rounds, with drafts of every length,
// from the same text each time.

import { whileListening } from "../abort";
import { draftColumns, type NativeSampling, type NativeSession } from "../native/binding";
import { call, callAsync } from "../native/call";
import { type Round, runRound } from "../native/round";
import { type CostTable, interpolate, type LengthCosts, type Timing } from "./cost-table";
import { timingOf } from "./timing";

/** The length that every text begins at. */
const shortLength = 64;
/** Tokens of a prompt evaluated in one call: few, so that time that is over is noticed. */
const prefillChunk = 64;
/** Of the time: until when the short context is measured, a long one evaluated, and measured. */
const untilShort = 0.45;
const untilPrefilled = 0.65;
const untilLong = 0.85;
/** Of the time for a length: rounds that pay for pages and for finding the number of threads. */
const warmUpShare = 0.15;

export interface MeasurementOptions {
  /** A text as long as the longest context that is to be measured; cut where a shorter one is. */
  text: Int32Array;
  maxDraft: number;
  millis: number;
  signal: AbortSignal;
  onProgress?: ((fraction: number) => void) | undefined;
}

/** The costs at a short context, and at longer ones where they differ by more than noise. */
export function measureCosts(
  session: NativeSession,
  options: MeasurementOptions,
): Promise<CostTable> {
  return new Measurement(session, options).run();
}

/** Times of one context length, by K. */
interface Samples {
  draftStep: number[];
  verify: number[][];
}

class Measurement {
  readonly #start = performance.now();
  /** Tokens that end a text. A draft of one of them would end the draft. */
  readonly #banned = new Set<number>();

  constructor(
    private readonly session: NativeSession,
    private readonly options: MeasurementOptions,
  ) {}

  async run(): Promise<CostTable> {
    const longest = this.options.text.length;
    const isLong = longest >= 2 * shortLength;
    const short = await this.#measure(
      await this.#evaluate(isLong ? shortLength : longest),
      isLong ? untilShort : 1,
    );
    if (!isLong || this.#share() >= untilPrefilled) return [short];
    const reached = await this.#evaluate(longest);
    if (reached < 2 * shortLength) return [short];
    const long = await this.#measure(reached, untilLong);
    if (!differ(short, long)) return [short];
    const half = Math.round(long.contextLength / 2);
    call(() => {
      this.session.rollBack(half);
    });
    return [short, await this.#measure(half, 1), long];
  }

  /** The costs with that much of the text evaluated, or less of it where time has run short. */
  async #measure(evaluated: number, untilShare: number): Promise<LengthCosts> {
    let length = evaluated;
    // A draft that ends the text early is of no use: the text again, without the tokens that do so.
    while (await this.#draftsAnEnd(length)) length = await this.#evaluate(length);

    const began = this.#share();
    const warmUpUntil = began + warmUpShare * (untilShare - began);
    for (const K of this.#lengths()) {
      if (this.#share() >= warmUpUntil) break;
      await this.#round(length, K);
    }
    const samples: Samples = { draftStep: [], verify: this.#lengths().map(() => []) };
    // The shortest and the longest draft come first, and are measured whatever the time.
    const [none, longest, ...rest] = spread(this.options.maxDraft);
    for (const K of [none, longest]) await this.#sample(samples, length, K);
    for (let order: readonly number[] = rest; this.#share() < untilShare;) {
      for (const K of order) {
        if (this.#share() >= untilShare) break;
        await this.#sample(samples, length, K);
      }
      order = shuffled(this.#lengths());
    }
    return summary(length, samples);
  }

  /** Begins the text and evaluates so much of it, or less when that takes too long; resolves to how much. */
  async #evaluate(length: number): Promise<number> {
    call(() => {
      this.session.begin(this.options.text.subarray(0, length), sampling(this.#banned), {
        verifier: "match",
        logProbabilities: false,
        details: false,
        states: false,
        reuse: false,
      });
    });
    for (;;) {
      const left = await this.#native(() => this.session.prefill(prefillChunk));
      if (left > 0 && this.#share() < untilPrefilled) continue;
      const reached = length - left;
      call(() => {
        this.session.rollBack(reached);
      });
      return reached;
    }
  }

  async #draftsAnEnd(length: number): Promise<boolean> {
    const { maxDraft } = this.options;
    const { stopReason, draft } = await this.#native(() =>
      this.session.draft(maxDraft, maxDraft + 1),
    );
    call(() => {
      this.session.rollBack(length);
    });
    if (stopReason !== "end") return false;
    this.#banned.add(draft[draft.length - draftColumns] ?? NaN);
    return true;
  }

  /**
   * Notes a round that drafts K tokens. A plain one follows a plain one, as in plain decoding: the first
   * after a draft pays for the change of its graph, half as much again with a small model.
   */
  async #sample(samples: Samples, length: number, K: number): Promise<void> {
    if (K === 0) await this.#round(length, 0);
    note(samples, await this.#round(length, K));
  }

  /** A round that drafts K tokens, which is then taken back. */
  async #round(length: number, K: number): Promise<Round> {
    const round = await this.#native(() => runRound(this.session, { length: K }, K + 1));
    call(() => {
      this.session.rollBack(length);
    });
    this.options.onProgress?.(Math.min(1, this.#share()));
    return round;
  }

  #lengths(): number[] {
    return Array.from({ length: this.options.maxDraft + 1 }, (_, K) => K);
  }

  /** The part of the time that is over. */
  #share(): number {
    return (performance.now() - this.#start) / this.options.millis;
  }

  #native<T>(nativeCall: () => Promise<T>): Promise<T> {
    return whileListening(
      this.options.signal,
      () => {
        this.session.abort();
      },
      () => callAsync(nativeCall),
    );
  }
}

function note({ draftStep, verify }: Samples, round: Round): void {
  if (round.drafted > 0) draftStep.push(round.draftMicros / round.drafted);
  verify[round.drafted]?.push(round.verifyMicros);
}

function summary(contextLength: number, { draftStep, verify }: Samples): LengthCosts {
  const measured = verify.map((times) => (times.length > 0 ? timingOf(times) : undefined));
  const at = (K: number, of: (timing: Timing) => number): number =>
    interpolate(
      measured.map((timing) => timing && of(timing)),
      K,
    );
  return {
    contextLength,
    draftStep: timingOf(draftStep),
    verify: measured.map(
      (timing, K) =>
        timing ?? {
          micros: at(K, ({ micros }) => micros),
          low: at(K, ({ low }) => low),
          high: at(K, ({ high }) => high),
          samples: 0,
        },
    ),
  };
}

/** Samples that an interval needs to be one. */
const enough = 6;

/** Whether most of the times lie apart: a few always do by chance. */
function differ(one: LengthCosts, other: LengthCosts): boolean {
  const others = [other.draftStep, ...other.verify];
  const apart = [one.draftStep, ...one.verify].filter((a, i) => {
    const b = others[i] ?? a;
    return Math.min(a.samples, b.samples) >= enough && (a.high < b.low || b.high < a.low);
  });
  return apart.length > others.length / 2;
}

/** 0…max so that what is left to interpolate is little whenever it ends: 0, max, halves, quarters, … */
function spread(max: number): [number, number, ...number[]] {
  const order: [number, number, ...number[]] = [0, max];
  for (let step = max / 2; order.length <= max; step /= 2) {
    for (let at = step; at < max; at += step) {
      if (!order.includes(Math.round(at))) order.push(Math.round(at));
    }
  }
  return order;
}

function shuffled<T>(values: readonly T[]): T[] {
  const rest = [...values];
  return values.map(() => rest.splice(Math.floor(Math.random() * rest.length), 1)[0] as T);
}

/** The engine's defaults, temperature 0. */
function sampling(banned: ReadonlySet<number>): NativeSampling {
  return {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repeatPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    penaltyWindow: 64,
    draftTopK: 0,
    logitBias: [...banned].map((token) => [token, -Infinity] as const),
    seed: 0,
  };
}
