// Which drafts of a trace a head learns from.

import type { TraceMode } from "../trace/format";
import type { StoredRecord } from "../trace/record";

/** A draft: its tokens as rows of a stored record. */
export interface Draft {
  rows: Int32Array;
  /** Where the state before the first row is; those after each row follow it, but in walks on the text. */
  states: Int32Array;
  /** Rows that verification comes to: those before the first that is rejected, and this. */
  reached: number;
}

/**
 * The drafts of a record.
 *
 * Those of walks share the rows of the text: up to maxDraft drafts have the same. So drafts are laid end to
 * end: each is of a length that is drawn, 1 to maxDraft, and the next starts behind the row that was
 * rejected, as in life, or where nothing was, behind its last row. Each position of the text is then
 * reached exactly once, somewhere in a draft. What follows a rejection is in the draft too: when it is
 * drafted, nobody knows that it will be discarded.
 */
export function draftsOf(
  record: StoredRecord,
  mode: Exclude<TraceMode, "paper">,
  maxDraft: number,
  random: () => number,
): Draft[] {
  const { drafted: stored, accepted } = record;
  const firstRow = before(stored, (count) => count);
  const firstState = before(stored, (count) => (count > 0 ? count + 1 : 0));
  const drafts: Draft[] = [];
  let start = 0;
  while (start < stored.length) {
    const length = mode === "walk" ? 1 + Math.floor(random() * maxDraft) : maxDraft;
    const rows: number[] = [];
    const states: number[] = [];
    let reached = 0;
    let alive = true;
    for (; alive && rows.length < length && (stored[start] ?? 0) > 0; ++start) {
      const count = Math.min(stored[start] ?? 0, length - rows.length);
      for (let i = 0; i < count; ++i) {
        const row = (firstRow[start] ?? 0) + i;
        rows.push(row);
        states.push((firstState[start] ?? 0) + i);
        if (!alive) continue;
        reached += 1;
        alive = accepted[row] === 1;
      }
      if (mode === "rounds") alive = false; // the next start is another round's
    }
    if (rows.length === 0) start += 1;
    else drafts.push({ rows: Int32Array.from(rows), states: Int32Array.from(states), reached });
  }
  return drafts;
}

/** Sums of what comes before each. */
function before(counts: Uint8Array, of: (count: number) => number): Int32Array {
  let sum = 0;
  return Int32Array.from(counts, (count) => {
    sum += of(count);
    return sum - of(count);
  });
}
