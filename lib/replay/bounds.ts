// Two marks that no rule can be asked to pass: one knows every acceptance probability, the other the dice.

import type { Prices } from "../cost/prices";
import { available, type Draft } from "./draft";
import type { Reply } from "./reply";
import { tokensOf, total, type Walk, type Walker, verifyTable, walk } from "./walk";

/** Rounds of the fixed point; it settles in a handful. */
const maxIterations = 50;

/**
 * Every a_i of the row is known, not the dice: drafts the K with the most of
 * E[tokens] - R · time = 1 + S_1 + … + S_K - R · (K t_d + V(K)), and R is the throughput that this
 * itself comes to. By renewal-reward the best R is where the expected excess is 0; Dinkelbach's
 * iteration finds it from below.
 */
export function knownAcceptance(replies: readonly Reply[], prices: Prices, maxDraft: number): Walk {
  const tokens = tokensOf(replies);
  const verify = verifyTable(prices, maxDraft);
  let rate = 1 / (verify[0] ?? NaN);
  let best: Walk | undefined;
  for (let i = 0; i < maxIterations; ++i) {
    const sums = walk(
      replies,
      atRate(rate, prices.draftStepMicros, verify, maxDraft),
      prices,
      maxDraft,
    );
    const next = tokens / total(sums.micros);
    if (best !== undefined && next <= tokens / total(best.micros)) break;
    best = sums;
    if (next === rate) break;
    rate = next;
  }
  if (best === undefined) throw new RangeError("no walk to bound");
  return best;
}

function atRate(rate: number, stepMicros: number, verify: Float64Array, maxDraft: number): Walker {
  return {
    draft: (reply, start, result) => {
      const tokens = available(reply, start, maxDraft);
      const first = reply.firstRow[start] ?? 0;
      let survival = 1;
      let expected = 1;
      let best = expected - rate * (verify[0] ?? NaN);
      let length = 0;
      for (let k = 1; k <= tokens; ++k) {
        survival *= Math.min(1, reply.ratio[first + k - 1] ?? NaN);
        expected += survival;
        // After an end of generation that is accepted there is no token of the target's.
        const ends = reply.ends[start] === 1 && k === reply.drafted[start];
        const value =
          expected - (ends ? survival : 0) - rate * (k * stepMicros + (verify[k] ?? NaN));
        if (value > best) {
          best = value;
          length = k;
        }
      }
      setLength(result, length);
    },
  };
}

/**
 * The dice are known: each round drafts nothing that will be rejected, and of what will be accepted as
 * much as makes the shortest way to the end of the reply.
 */
export function oracle(replies: readonly Reply[], prices: Prices, maxDraft: number): Walk {
  const verify = verifyTable(prices, maxDraft);
  const plans = new Map(
    replies.map((reply) => [reply, shortest(reply, prices.draftStepMicros, verify, maxDraft)]),
  );
  const walker: Walker = {
    draft: (reply, start, result) => {
      setLength(result, plans.get(reply)?.[start] ?? 0);
    },
  };
  return walk(replies, walker, prices, maxDraft);
}

/** The tokens to draft from each start: dynamic programming from the end of the reply. */
function shortest(
  reply: Reply,
  stepMicros: number,
  verify: Float64Array,
  maxDraft: number,
): Uint8Array {
  const lengths = new Uint8Array(reply.length);
  const remaining = new Float64Array(reply.length + 1); // micros to the end
  for (let start = reply.length - 1; start >= 0; --start) {
    const most = Math.min(reply.accepted[start] ?? 0, available(reply, start, maxDraft));
    let least = Infinity;
    for (let k = 0; k <= most; ++k) {
      const after = Math.min(start + k + 1, reply.length);
      const micros = k * stepMicros + (verify[k] ?? NaN) + (remaining[after] ?? 0);
      if (micros < least) {
        least = micros;
        lengths[start] = k;
      }
    }
    remaining[start] = least;
  }
  return lengths;
}

function setLength(result: Draft, length: number): void {
  result.drafted = length;
  result.steps = length;
  result.stopReason = "length";
}
