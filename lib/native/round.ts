// A native round as an object. It crosses the boundary as one row of numbers: a property of an object
// costs there a microsecond or more.

import {
  type NativeRound,
  type NativeSession,
  type NativeStopRule,
  type StopReason,
} from "./binding";

/** The engine's StopReason by its numbers (native/engine/stop-rule.h). */
const stopReasons: readonly StopReason[] = ["length", "gate", "end", "room", "none"];

/** What a round brought. */
export interface Round {
  /** What the round adds: the accepted tokens, then the target's own. */
  tokens: number[];
  drafted: number;
  accepted: number;
  /** Passes of the draft. */
  draftSteps: number;
  /** Whether the last token ends the generation. */
  ended: boolean;
  stopReason: StopReason;
  draftMicros: number;
  verifyMicros: number;
  /** Of both, inside llama.cpp. */
  decodeMicros: number;
  /** Of `tokens`, under the target at temperature 1; empty unless asked for. */
  logProbabilities: Float64Array;
  /** A row for each drafted token; empty unless asked for. */
  draft: Float64Array;
}

/** One round under a rule. room: tokens it may add at most. */
export async function runRound(
  session: NativeSession,
  { length, gate, survival }: NativeStopRule,
  room: number,
): Promise<Round> {
  return readRound(await session.round(length, room, gate, survival));
}

const noNumbers = new Float64Array();

/** Columns before the tokens: how many tokens and log-probabilities there are, and the eight below. */
const tokensAt = 10;

export function readRound(numbers: NativeRound): Round {
  const at = (column: number): number => numbers[column] ?? NaN;
  const logProbabilitiesAt = tokensAt + at(0);
  const draftAt = logProbabilitiesAt + at(1);
  const part = (from: number, to: number): Float64Array =>
    from === to ? noNumbers : numbers.subarray(from, to); // most rounds have none: a view costs microseconds
  const tokens: number[] = [];
  for (let column = tokensAt; column < logProbabilitiesAt; ++column) tokens.push(at(column));
  return {
    tokens,
    drafted: at(2),
    accepted: at(3),
    draftSteps: at(4),
    ended: at(5) === 1,
    stopReason: stopReasons[at(6)] ?? "none",
    draftMicros: at(7),
    verifyMicros: at(8),
    decodeMicros: at(9),
    logProbabilities: part(logProbabilitiesAt, draftAt),
    draft: part(draftAt, numbers.length),
  };
}
