// Records of a trace as bytes, and back.

import type { TraceRecord } from "./format";

/** A record as it is stored: `drafted` counts the rows that a start does not share. */
export type StoredRecord = Required<TraceRecord>;

/** The arrays behind the four numbers, in order. A count of 0…2: of the reply, of the rows, of states. */
const columns = [
  ["replyTokens", Int32Array, 0],
  ["drafted", Uint8Array, 0],
  ["mixed", Uint8Array, 0],
  ["token", Int32Array, 1],
  ["accepted", Uint8Array, 1],
  ["ratio", Float32Array, 1],
  ["logq", Float32Array, 1],
  ["mode", Float32Array, 1],
  ["margin", Float32Array, 1],
  ["entropy", Float32Array, 1],
  ["states", Uint16Array, 2],
] as const;

const numbersBytes = 4 * 4;

/** Bytes that a row takes, without its state. */
export const rowBytes = sumOf(1);
/** Bytes that a token of a reply takes, without rows. */
export const replyTokenBytes = sumOf(0);

function sumOf(count: 0 | 1): number {
  return columns.reduce(
    (sum, [, type, of]) => sum + (of === count ? type.BYTES_PER_ELEMENT : 0),
    0,
  );
}

export function encodeRecord(record: StoredRecord): Uint8Array {
  const { prompt, promptTokens, replyTokens, token } = record;
  const numbers = new Uint32Array([prompt, promptTokens, replyTokens.length, token.length]);
  const arrays = [numbers, ...columns.map(([name]) => record[name])];
  return Buffer.concat(
    arrays.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)),
  );
}

/** The record at an offset, and where the next one is. Throws an Error that says what is wrong. */
export function decodeRecord(
  bytes: Uint8Array,
  offset: number,
  { stateWidth, withStates }: { stateWidth: number; withStates: boolean },
): { record: StoredRecord; end: number } {
  let at = offset;
  const take = <T>(
    type: { new (buffer: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
    count: number,
    wanted = true,
  ): T => {
    const end = at + count * type.BYTES_PER_ELEMENT;
    if (end > bytes.length) throw new Error("a record is longer than the file");
    const copy = wanted ? bytes.slice(at, end) : new Uint8Array(); // aligned
    at = end;
    return new type(copy.buffer);
  };
  const [prompt = 0, promptTokens = 0, reply = 0, rows = 0] = take(Uint32Array, numbersBytes / 4);
  const record: Partial<Record<string, unknown>> = { prompt, promptTokens };
  for (const [name, type, of] of columns) {
    if (of !== 2) record[name] = take<unknown>(type, of === 0 ? reply : rows);
  }
  const stored = record as unknown as StoredRecord;
  if (stored.drafted.reduce((sum, count) => sum + count, 0) !== rows) {
    throw new Error(`the starts of prompt ${prompt} do not have the ${rows} rows that it tells of`);
  }
  const starts = stored.drafted.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  stored.states = take(
    Uint16Array,
    stateWidth === 0 ? 0 : (rows + starts) * stateWidth,
    withStates,
  );
  return { record: stored, end: at };
}

const rowColumns = columns.flatMap(([name, , of]) => (of === 1 ? [name] : []));

/** Puts the rows of each start of a walk together. */
export function expandWalk(record: StoredRecord, maxDraft: number): StoredRecord {
  const { drafted: stored, accepted, states } = record;
  const n = stored.length;
  const first = prefixSums(stored);
  const width = states.length / Math.max(1, states.length === 0 ? 1 : stateCount(stored));

  const drafted = new Uint8Array(n);
  const rows: number[] = []; // of the record, in the order of the result
  const stateRows: number[] = []; // the same for states
  const firstState = prefixSums(stored.map((count) => (count > 0 ? count + 1 : 0)));
  for (let start = 0; start < n; ++start) {
    let count = 0;
    for (let at = start; at < n && count < maxDraft; ++at) {
      const more = Math.min(stored[at] ?? 0, maxDraft - count);
      if (more === 0) break;
      if (count === 0) stateRows.push(firstState[at] ?? 0);
      for (let i = 0; i < more; ++i) {
        rows.push((first[at] ?? 0) + i);
        stateRows.push((firstState[at] ?? 0) + i + 1);
      }
      count += more;
      if (accepted[first[at] ?? 0] !== 1) break;
    }
    drafted[start] = count;
  }
  const result: StoredRecord = { ...record, drafted };
  for (const name of rowColumns) {
    const from: TypedArray = record[name];
    const to = new (from.constructor as TypedArrayOf)(rows.length);
    for (let i = 0; i < rows.length; ++i) to[i] = from[rows[i] ?? 0] ?? 0;
    Object.assign(result, { [name]: to });
  }
  if (states.length > 0) {
    result.states = new Uint16Array(stateRows.length * width);
    for (const [i, row] of stateRows.entries()) {
      result.states.set(states.subarray(row * width, (row + 1) * width), i * width);
    }
  }
  return result;
}

type TypedArray = Int32Array | Uint8Array | Float32Array;
type TypedArrayOf = new (length: number) => TypedArray;

function stateCount(stored: Uint8Array): number {
  return stored.reduce((sum, count) => sum + (count > 0 ? count + 1 : 0), 0);
}

/** Where each start's rows begin. */
function prefixSums(counts: Uint8Array | number[]): number[] {
  let sum = 0;
  return Array.from(counts, (count) => {
    sum += count;
    return sum - count;
  });
}
