// What a head says of every token that a trace drafts.

import type { AcceptanceHead } from "../head/acceptance-head";
import { call } from "../native/call";
import { loadAddon } from "../native/load";
import type { TraceRecord } from "../trace/format";

/** Calibrated logits, [R] each, of the row's own token. A head of kind "paper" has `older` alone; the others are NaN. */
export interface HeadScores {
  /** Once the draft has read the token, at the next step; NaN for a draft's last token, whose next step a trace does not have. */
  older: Float32Array;
  /** When the q is there that it is drawn from. */
  before: Float32Array;
  /** When it has been drawn. */
  newest: Float32Array;
}

/** Of a record of walks, with its states. temperature: the trace's. */
export async function scoresOf(
  head: AcceptanceHead,
  record: TraceRecord,
  temperature: number,
): Promise<HeadScores> {
  const { kind, width } = head.info;
  const { drafted, token } = record;
  const rows = token.length;
  const scores = {
    older: new Float32Array(rows).fill(NaN),
    before: new Float32Array(rows).fill(NaN),
    newest: new Float32Array(rows).fill(NaN),
  };
  if (rows === 0) return scores;
  const stateOf = new Int32Array(rows);
  const position = new Int32Array(rows);
  const shape = new Float32Array(4 * rows);
  let row = 0;
  let state = 0;
  for (const length of drafted) {
    for (let k = 0; k < length; ++k, ++row, ++state) {
      stateOf[row] = state;
      position[row] = k;
      const { logq, mode, margin, entropy } = record;
      shape.set(
        [logq[row] ?? NaN, mode[row] ?? NaN, margin[row] ?? NaN, entropy[row] ?? NaN],
        4 * row,
      );
    }
    if (length > 0) state += 1; // the one after the last row
  }
  const lengths = drafted.filter((length) => length > 0);
  const addon = loadAddon();
  const steps = {
    known: addon.headColumns,
    scalars: call(() => addon.headScalars(lengths, shape, temperature)),
    ...{ token, position },
  };
  const states = record.states.subarray(0, state * width);
  const logits = await head.scores({ states, stateOf }, steps);
  const outputs = kind === "paper" ? 1 : 3;
  for (let i = 0; i < rows; ++i) {
    if ((position[i] ?? 0) > 0) scores.older[i - 1] = logits[i * outputs] ?? NaN;
    if (kind === "paper") continue;
    scores.before[i] = logits[i * outputs + 1] ?? NaN;
    scores.newest[i] = logits[i * outputs + 2] ?? NaN;
  }
  return scores;
}
