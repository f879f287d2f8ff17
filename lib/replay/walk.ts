// Walks through the replies of a trace as an engine would have gone: the next round starts behind the
// tokens that the one before has emitted.

import { SpecdecError } from "../errors";
import { type Prices, verifyMicros } from "../cost/prices";
import type { DraftedToken, Policy } from "../policy/policy";
import { draft, type Draft } from "./draft";
import type { Reply } from "./reply";

/** Sums of a walk, one number a reply: intervals come from resampling replies. */
export interface Walk {
  passes: Float64Array;
  drafted: Float64Array;
  /** Passes of the draft. */
  steps: Float64Array;
  /** Rejected drafts, and what a round had beyond the end of the text. */
  discarded: Float64Array;
  micros: Float64Array;
}

/** Decides on each round of a walk: what is drafted, before it; and what it learns, after it. */
export interface Walker {
  draft(reply: Reply, start: number, result: Draft): void;
  observe?(reply: Reply, start: number, round: Round): void;
}

/** What a round came to; the object is the next round's, too. */
export interface Round extends Draft {
  accepted: number;
  generated: number;
  draftMicros: number;
  verifyMicros: number;
}

/** V(0…maxDraft) of a price list as an array. */
export function verifyTable(prices: Prices, maxDraft: number): Float64Array {
  return Float64Array.from({ length: maxDraft + 1 }, (_, K) => verifyMicros(prices, K));
}

/** Walks through all replies, in their order. */
export function walk(
  replies: readonly Reply[],
  walker: Walker,
  prices: Prices,
  maxDraft: number,
): Walk {
  const verify = verifyTable(prices, maxDraft);
  const sums: Walk = {
    passes: new Float64Array(replies.length),
    drafted: new Float64Array(replies.length),
    steps: new Float64Array(replies.length),
    discarded: new Float64Array(replies.length),
    micros: new Float64Array(replies.length),
  };
  const round: Round = {
    drafted: 0,
    steps: 0,
    stopReason: "none",
    accepted: 0,
    generated: 0,
    draftMicros: 0,
    verifyMicros: 0,
  };
  for (const [i, reply] of replies.entries()) {
    let passes = 0;
    let drafted = 0;
    let steps = 0;
    let discarded = 0;
    let micros = 0;
    for (let start = 0; start < reply.length; start += round.generated) {
      walker.draft(reply, start, round);
      round.accepted = Math.min(reply.accepted[start] ?? 0, round.drafted);
      // The target's own token comes on top, unless what was accepted has ended the text.
      const ended = start + round.accepted === reply.length;
      round.generated = round.accepted + (ended ? 0 : 1);
      round.draftMicros = round.steps * prices.draftStepMicros;
      round.verifyMicros = verify[round.drafted] ?? NaN;
      walker.observe?.(reply, start, round);
      passes += 1;
      drafted += round.drafted;
      steps += round.steps;
      discarded += round.drafted - round.accepted + (ended ? 1 : 0);
      micros += round.draftMicros + round.verifyMicros;
    }
    // SpecDec++ (arXiv 2405.19715, §2): every token that was worked out is in the text or was discarded.
    if (drafted + passes !== reply.length + discarded) {
      throw new SpecdecError(
        "ERR_INTERNAL",
        `A replay counted ${drafted} drafted tokens and ${passes} passes, but ${reply.length} tokens and ${discarded} discarded. Please report it.`,
      );
    }
    sums.passes[i] = passes;
    sums.drafted[i] = drafted;
    sums.steps[i] = steps;
    sums.discarded[i] = discarded;
    sums.micros[i] = micros;
  }
  return sums;
}

/** Walks by a stop rule. The policy keeps its state from one reply to the next, as in an engine. */
export function byPolicy(policy: Policy, prices: Prices, maxDraft: number): Walker {
  if (policy.continues || policy.submits) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `The policy "${policy.name}" decides token by token, which replay cannot do. Use one with next() and observe() alone.`,
    );
  }
  return {
    draft: (reply, start, result) => {
      const rule = policy.next({
        prices,
        room: Math.min(maxDraft, reply.room[start] ?? 0),
        greedy: reply.greedy,
        catchUpMicros: 0,
      });
      if (!Number.isInteger(rule.length) || rule.length < 0)
        throw invalidLength(policy, rule.length);
      draft(reply, start, rule, maxDraft, result);
    },
    ...(policy.observe && {
      observe: (reply, start, round) => {
        policy.observe?.({
          generated: round.generated,
          drafted: round.drafted,
          accepted: round.accepted,
          draftSteps: round.steps,
          stopReason: round.stopReason,
          draftMicros: round.draftMicros,
          verifyMicros: round.verifyMicros,
          decodeMicros: round.draftMicros + round.verifyMicros,
          ...(policy.needsDetails && { draft: details(reply, start, round.drafted) }),
        });
      },
    }),
  };
}

function invalidLength(policy: Policy, length: number): SpecdecError {
  return new SpecdecError(
    "ERR_INVALID_ARGUMENT",
    `The policy "${policy.name}" gave a rule whose length must be a whole number, but is ${length}.`,
  );
}

function details(reply: Reply, start: number, drafted: number): DraftedToken[] {
  const first = reply.firstRow[start] ?? 0;
  const { head } = reply;
  return Array.from({ length: drafted }, (_, i) => {
    const row = first + i;
    const ratio = reply.ratio[row] ?? NaN;
    const q = Math.exp(reply.logq[row] ?? NaN);
    return {
      id: reply.token[row] ?? NaN,
      q,
      mode: reply.mode[row] ?? NaN,
      margin: reply.margin[row] ?? NaN,
      entropy: reply.entropy[row] ?? NaN,
      p: ratio * q,
      acceptance: Math.min(1, ratio),
      ...(head && {
        head: {
          before: head.before[row] ?? NaN,
          newest: head.newest[row] ?? NaN,
          older: head.older[row] ?? NaN,
        },
      }),
    };
  });
}

/** Tokens of all replies. */
export function tokensOf(replies: readonly Reply[]): number {
  return replies.reduce((sum, reply) => sum + reply.length, 0);
}

export function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
