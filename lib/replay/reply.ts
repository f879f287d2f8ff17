import { SpecdecError } from "../errors";
import type { TraceHeader, TraceRecord } from "../trace/format";
import type { HeadScores } from "./head-scores";

/** A prompt's walk as replay reads it. */
export interface Reply {
  promptTokens: number;
  /** Whether it was written at temperature 0. */
  greedy: boolean;
  /** n, tokens of the reply. */
  length: number;
  /** [n] tokens drafted from each start. */
  drafted: Uint8Array;
  /** [n] how many of them, from the first on, are accepted. */
  accepted: Uint8Array;
  /** [n] 1: the row ends because the draft ended the text, not for want of room. */
  ends: Uint8Array;
  /** [n] where the start's rows begin. */
  firstRow: Uint32Array;
  /** [n] tokens that maxTokens lets a round from the start draft: one place is the target's. */
  room: Uint32Array;
  /** [R] each, as in the trace. */
  token: Int32Array;
  ratio: Float32Array;
  logq: Float32Array;
  mode: Float32Array;
  margin: Float32Array;
  entropy: Float32Array;
  /** What a head says of each row; none without a head. */
  head?: HeadScores;
}

/** The limits that a trace was written under. */
export type TraceLimits = Pick<TraceHeader, "maxDraft" | "maxTokens" | "sampling">;

/** Throws ERR_TRACE_BROKEN for a record that is not a walk: accepted tokens have to be the reply's. */
export function toReply(
  record: TraceRecord,
  { maxDraft, maxTokens, sampling }: TraceLimits,
  head?: HeadScores,
): Reply {
  const { drafted, replyTokens, token } = record;
  const length = replyTokens.length;
  const firstRow = new Uint32Array(length);
  const room = new Uint32Array(length);
  const accepted = new Uint8Array(length);
  const ends = new Uint8Array(length);
  let row = 0;
  for (let start = 0; start < length; ++start) {
    firstRow[start] = row;
    const space = Math.max(0, maxTokens - start - 1);
    const rows = drafted[start] ?? 0;
    room[start] = space;
    ends[start] = rows > 0 && rows < Math.min(maxDraft, space) ? 1 : 0;
    let count = 0;
    while (count < rows && record.accepted[row + count] === 1) {
      if (token[row + count] !== replyTokens[start + count]) {
        throw notAWalk(record, `what was accepted at token ${start + count} is not the reply's`);
      }
      count += 1;
    }
    accepted[start] = count;
    row += rows;
  }
  if (row !== token.length) {
    throw notAWalk(record, `its starts have ${row} rows, its arrays ${token.length}`);
  }
  return {
    promptTokens: record.promptTokens,
    greedy: sampling.temperature === 0,
    length,
    drafted,
    accepted,
    ends,
    firstRow,
    room,
    token,
    ratio: record.ratio,
    logq: record.logq,
    mode: record.mode,
    margin: record.margin,
    entropy: record.entropy,
    ...(head && { head }),
  };
}

function notAWalk({ prompt }: TraceRecord, why: string): SpecdecError {
  return new SpecdecError(
    "ERR_TRACE_BROKEN",
    `The trace cannot be replayed: the record of prompt ${prompt} is not a walk; ${why}. Write the trace anew.`,
  );
}
