import {
  decodeRecord,
  encodeRecord,
  expandWalk,
  type StoredRecord,
} from "../../../lib/trace/record";

/** A reply of four tokens: the draft stays at 0 and 2, leaves at 1 with three rows and at 3 with two. */
function walk(width: number): StoredRecord {
  const stored = [1, 3, 1, 2];
  const token = [10, 91, 92, 93, 12, 94, 95];
  const column = (scale: number): Float32Array => Float32Array.from(token, (_, i) => i * scale);
  return {
    prompt: 7,
    promptTokens: 3,
    replyTokens: Int32Array.of(10, 11, 12, 13),
    drafted: Uint8Array.from(stored),
    mixed: new Uint8Array(4),
    token: Int32Array.from(token),
    accepted: Uint8Array.of(1, 0, 0, 0, 1, 0, 0),
    ratio: column(0.5),
    logq: column(-1),
    mode: column(0.1),
    margin: column(0.05),
    entropy: column(0.2),
    // The state of start s, row r: 100 s + r, r = 0 before the first.
    states: Uint16Array.from(
      stored.flatMap((count, start) =>
        Array.from({ length: (count + 1) * width }, (_, i) => 100 * start + Math.floor(i / width)),
      ),
    ),
  };
}

const read = (bytes: Uint8Array, stateWidth: number, withStates = true) =>
  decodeRecord(new Uint8Array(bytes), 0, { stateWidth, withStates });

test.each([0, 1, 3])("a record with states of width %i comes back as it was", (width) => {
  const bytes = encodeRecord(walk(width));
  const { record, end } = read(bytes, width);
  expect(record).toEqual(walk(width));
  expect(end).toBe(bytes.length);
});

test("records follow one another without padding", () => {
  const one = encodeRecord(walk(1));
  const bytes = new Uint8Array(Buffer.concat([one, one]));
  const { end } = decodeRecord(bytes, 0, { stateWidth: 1, withStates: true });
  expect(decodeRecord(bytes, end, { stateWidth: 1, withStates: true }).record).toEqual(walk(1));
});

test("states can be left out", () => {
  const { record, end } = read(encodeRecord(walk(3)), 3, false);
  expect(record.states).toHaveLength(0);
  expect(end).toBe(encodeRecord(walk(3)).length);
});

test("every cut of a record is an error that says so", () => {
  const bytes = encodeRecord(walk(1));
  for (let length = 0; length < bytes.length; ++length) {
    expect(() => read(bytes.subarray(0, length), 1)).toThrow("longer than the file");
  }
});

test("counts that do not add up are an error", () => {
  const bytes = encodeRecord(walk(0));
  bytes[16 + 4 * 4] = 9; // rows of the first start
  expect(() => read(bytes, 0)).toThrow("do not have the 7 rows");
});

test("an empty reply is a record", () => {
  const empty = {
    ...walk(0),
    ...{ replyTokens: new Int32Array(), drafted: new Uint8Array(), mixed: new Uint8Array() },
    ...{ token: new Int32Array(), accepted: new Uint8Array(), ratio: new Float32Array() },
    ...{ logq: new Float32Array(), mode: new Float32Array(), margin: new Float32Array() },
    entropy: new Float32Array(),
  };
  expect(read(encodeRecord(empty), 0).record).toEqual(empty);
  expect(expandWalk(empty, 5).token).toHaveLength(0);
});

describe("putting starts together", () => {
  test("a start goes on over what stays, to the end of what leaves", () => {
    const { drafted, token, accepted, ratio } = expandWalk(walk(0), 20);
    expect(Array.from(drafted)).toEqual([4, 3, 3, 2]);
    expect(Array.from(token)).toEqual([10, 91, 92, 93, 91, 92, 93, 12, 94, 95, 94, 95]);
    expect(Array.from(accepted)).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(Array.from(ratio)).toEqual([0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 5, 6].map((i) => i * 0.5));
  });

  test("no draft is longer than maxDraft", () => {
    const { drafted, token } = expandWalk(walk(0), 2);
    expect(Array.from(drafted)).toEqual([2, 2, 2, 2]);
    expect(Array.from(token)).toEqual([10, 91, 91, 92, 12, 94, 94, 95]);
  });

  test("a start has the state before its first row, then one after each", () => {
    const { states } = expandWalk(walk(2), 3);
    const starts = [
      [0, 1, 101, 102],
      [100, 101, 102, 103],
      [200, 201, 301, 302],
      [300, 301, 302],
    ];
    expect(Array.from(states)).toEqual(starts.flat().flatMap((state) => [state, state]));
  });

  test("a position without rows ends the drafts that come to it", () => {
    const record = walk(0);
    record.drafted = Uint8Array.of(1, 0, 0, 0);
    record.token = Int32Array.of(10);
    record.accepted = Uint8Array.of(1);
    expect(Array.from(expandWalk(record, 9).drafted)).toEqual([1, 0, 0, 0]);
  });
});
