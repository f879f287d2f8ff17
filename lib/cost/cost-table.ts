import type { Prices } from "./prices";

/** A time in microseconds: the median of its samples, and a 95 % interval of that median. */
export interface Timing {
  micros: number;
  low: number;
  high: number;
  /** 0: not measured, but on the line between its neighbours. */
  samples: number;
}

/** What was measured with that many tokens in both contexts. */
export interface LengthCosts {
  contextLength: number;
  /** One draft step, t_d. */
  draftStep: Timing;
  /** A target pass that verifies K drafted tokens, V(K), by K from 0. */
  verify: Timing[];
}

/** Costs by context length, ascending; at least one. */
export type CostTable = readonly LengthCosts[];

/** The prices at a context length: on the line between those measured, and constant beyond them. */
export function pricesAt(table: CostTable, contextLength: number): Prices {
  const above = table.findIndex((costs) => costs.contextLength >= contextLength);
  const high = table.at(above); // -1: longer than all, so the last
  const low = table[above - 1] ?? high;
  if (high === undefined || low === undefined) throw new RangeError("a cost table without costs");
  const span = high.contextLength - low.contextLength;
  const share = above < 0 || span === 0 ? 1 : (contextLength - low.contextLength) / span;
  const between = (from: Timing | undefined, to: Timing): number =>
    from === undefined ? to.micros : from.micros + share * (to.micros - from.micros);
  return {
    draftStepMicros: between(low.draftStep, high.draftStep),
    verifyMicros: high.verify.map((timing, K) => between(low.verify[K], timing)),
  };
}

/** How fast weights are read, and what a further row costs of a pass: guesses, to begin with. */
const bytesPerMicro = 10_000;
const rowShare = 0.1;

/** Costs nobody has measured: a pass reads all weights once, and every drafted token adds a little. */
export function guessCosts(
  sizes: { targetBytes: number; draftBytes: number },
  maxDraft: number,
): CostTable {
  const timing = (micros: number): Timing => ({ micros, low: 0, high: Infinity, samples: 0 });
  const pass = sizes.targetBytes / bytesPerMicro;
  return [
    {
      contextLength: 0,
      draftStep: timing(sizes.draftBytes / bytesPerMicro),
      verify: Array.from({ length: maxDraft + 1 }, (_, K) => timing(pass * (1 + rowShare * K))),
    },
  ];
}

/** On the line between the nearest indexes that have a value; beyond them, the nearest value. */
export function interpolate(known: readonly (number | undefined)[], index: number): number {
  const exact = known[index];
  if (exact !== undefined) return exact;
  const low = known.findLastIndex((value, i) => i < index && value !== undefined);
  const high = known.findIndex((value, i) => i > index && value !== undefined);
  const [atLow, atHigh] = [known[low] ?? known[high], known[high] ?? known[low]];
  if (atLow === undefined || atHigh === undefined) throw new RangeError("nothing to go by");
  return low < 0 || high < 0 ? atLow : atLow + ((atHigh - atLow) * (index - low)) / (high - low);
}
