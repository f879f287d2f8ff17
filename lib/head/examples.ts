// What heads learn from: steps of drafts, out of traces.

import { throwIfAborted } from "../abort";
import { SpecdecError } from "../errors";
import type { NativeHeadExamples } from "../native/binding";
import { call } from "../native/call";
import { loadAddon } from "../native/load";
import { uniform } from "../random";
import { readIndex } from "../trace/folder";
import type { TraceHeader } from "../trace/format";
import { readStoredTrace, readTraceHeader } from "../trace/reader";
import type { StoredRecord } from "../trace/record";
import { type Draft, draftsOf } from "./drafts";

export type HeadKind = "paper" | "full";

/** States take most of the memory; there is a second copy for a moment. */
const maxStateBytes = 2 ** 30;

/**
 * Steps of drafts: k tokens Y_1…Y_k of a draft are drawn, the state h_k gives q_{k+1}, and Y_{k+1} is drawn
 * from it. n of them, those of a draft one after the other; a draft begins where k is 0, or one of a trace of
 * mode "paper", where k is always 1.
 */
export interface HeadExamples {
  count: number;
  /** Of a state. */
  width: number;
  /** Names of the scalars. */
  columns: readonly string[];
  /** [n][width], half precision bits: h_k. */
  states: Uint16Array;
  /** [n][columns] */
  scalars: Float32Array;
  /** [n][2]: the acceptance probabilities of Y_k and of Y_{k+1}; NaN where there is no such token. */
  labels: Float32Array;
  /** [n][2]: 1 where verification comes to the label's token, as all before it in the draft are accepted. */
  reached: Uint8Array;
  /** [n]: p/q of Y_{k+1}, not capped. */
  ratio: Float32Array;
  /** [n]: Y_{k+1}; -1 in traces of mode "paper". */
  token: Int32Array;
  /** [n]: k. */
  position: Uint8Array;
  /** [n]: the prompt's index; the same one in several traces of a file of prompts is the same prompt. */
  prompt: Int32Array;
}

export interface LoadExamplesOptions {
  kind: HeadKind;
  /** Of the lengths of drafts, and of which are left out if there are too many. */
  seed: number;
  /** Bytes that states may take: where there are more, drafts are left out at random. */
  maxBytes?: number;
  signal?: AbortSignal | undefined;
}

/** The headers of traces of one pair. Throws ERR_TRACE_MISMATCH, or ERR_INVALID_ARGUMENT for one without states. */
export async function readHeaders(
  folders: readonly string[],
  kind: HeadKind,
): Promise<TraceHeader[]> {
  const headers = await Promise.all(folders.map((folder) => readTraceHeader(folder)));
  for (const [i, header] of headers.entries()) {
    const folder = folders[i] ?? "";
    if (header.stateWidth === 0) {
      throw new SpecdecError(
        "ERR_INVALID_ARGUMENT",
        `The trace ${folder} has no hidden states, which heads learn from. Write one with states.`,
      );
    }
    if (header.mode === "paper" && kind !== "paper") {
      throw new SpecdecError(
        "ERR_INVALID_ARGUMENT",
        `The trace ${folder} is of mode "paper", whose states are of mixed texts: only a head of kind "paper" can learn from it. Give a trace of walks or of rounds.`,
      );
    }
    for (const which of ["target", "draft", "vocabulary"] as const) {
      if (header.fingerprints[which] === headers[0]?.fingerprints[which]) continue;
      throw new SpecdecError(
        "ERR_TRACE_MISMATCH",
        `The traces ${folders[0] ?? ""} and ${folder} are of different models: the ${which} is another. A head is for one pair; give traces of one.`,
      );
    }
  }
  return headers;
}

/**
 * The examples of traces of one pair. Rejects with ERR_FILE_NOT_FOUND, ERR_TRACE_BROKEN, ERR_TRACE_MISMATCH,
 * ERR_INVALID_ARGUMENT or ERR_ABORTED.
 */
export async function loadExamples(
  folders: readonly string[],
  { kind, seed, maxBytes = maxStateBytes, signal }: LoadExamplesOptions,
): Promise<HeadExamples> {
  const headers = await readHeaders(folders, kind);
  const indices = await Promise.all(folders.map((folder) => readIndex(folder)));
  const rows = indices.flat().reduce((sum, entry) => sum + entry.rows, 0);
  const width = headers[0]?.stateWidth ?? 0;
  const share = Math.min(1, maxBytes / (2 * width * Math.max(1, rows)));

  const builder = new Builder(width);
  for (const [i, header] of headers.entries()) {
    const random = uniform(seed + i);
    const { mode, maxDraft } = header;
    const temperature = Number(header.sampling.temperature);
    for await (const record of readStoredTrace(folders[i] ?? "", { ...(signal && { signal }) })) {
      throwIfAborted(signal);
      if (mode === "paper") {
        builder.addMixed(record);
      } else {
        const drafts = draftsOf(record, mode, maxDraft, random);
        builder.add(
          record,
          share < 1 ? drafts.filter(() => random() < share) : drafts,
          temperature,
        );
      }
    }
  }
  return builder.finish();
}

type Part = Omit<HeadExamples, "count" | "width" | "columns">;

class Builder {
  readonly #columns = call(() => loadAddon().headColumns);
  readonly #parts: Part[] = [];

  constructor(private readonly width: number) {}

  add(record: StoredRecord, drafts: readonly Draft[], temperature: number): void {
    const n = drafts.reduce((sum, { rows }) => sum + rows.length, 0);
    if (n === 0) return;
    const part = this.#part(n, record.prompt);
    const shape = new Float32Array(n * 4);
    let i = 0;
    for (const { rows, states, reached } of drafts) {
      for (let k = 0; k < rows.length; ++k, ++i) {
        const row = rows[k] ?? 0;
        const { logq, mode, margin, entropy, ratio } = record;
        shape.set(
          [logq[row] ?? NaN, mode[row] ?? NaN, margin[row] ?? NaN, entropy[row] ?? NaN],
          4 * i,
        );
        part.states.set(this.#state(record, states[k] ?? 0), i * this.width);
        part.labels[2 * i] = k > 0 ? Math.min(1, ratio[rows[k - 1] ?? 0] ?? NaN) : NaN;
        part.labels[2 * i + 1] = Math.min(1, ratio[row] ?? NaN);
        part.reached[2 * i] = k > 0 && k <= reached ? 1 : 0;
        part.reached[2 * i + 1] = k < reached ? 1 : 0;
        part.ratio[i] = ratio[row] ?? NaN;
        part.token[i] = record.token[row] ?? -1;
        part.position[i] = k;
      }
    }
    const lengths = Uint8Array.from(drafts, ({ rows }) => rows.length);
    part.scalars = call(() => loadAddon().headScalars(lengths, shape, temperature));
    this.#parts.push(part);
  }

  /** Of a trace of mode "paper": the drafted tokens that the mixed text has. */
  addMixed(record: StoredRecord): void {
    const positions = Array.from(record.mixed.keys()).filter(
      (i) => record.mixed[i] === 1 && record.drafted[i] === 1 && record.states.length > 0,
    );
    if (positions.length === 0) return;
    const part = this.#part(positions.length, record.prompt);
    for (const [i, position] of positions.entries()) {
      // Two states a position, before its token and after it.
      part.states.set(this.#state(record, 2 * position + 1), i * this.width);
      part.labels.set([Math.min(1, record.ratio[position] ?? NaN), NaN], 2 * i);
      part.reached[2 * i] = 1;
      part.ratio[i] = NaN;
      part.token[i] = -1;
      part.position[i] = 1;
    }
    this.#parts.push(part);
  }

  finish(): HeadExamples {
    const joined = <T extends Float32Array | Uint16Array | Uint8Array | Int32Array>(
      type: new (length: number) => T,
      of: (part: Part) => T,
    ): T => {
      const all = new type(this.#parts.reduce((sum, part) => sum + of(part).length, 0));
      let at = 0;
      for (const part of this.#parts) {
        all.set(of(part), at);
        at += of(part).length;
      }
      return all;
    };
    const position = joined(Uint8Array, (part) => part.position);
    return {
      count: position.length,
      width: this.width,
      columns: this.#columns,
      states: joined(Uint16Array, (part) => part.states),
      scalars: joined(Float32Array, (part) => part.scalars),
      labels: joined(Float32Array, (part) => part.labels),
      reached: joined(Uint8Array, (part) => part.reached),
      ratio: joined(Float32Array, (part) => part.ratio),
      token: joined(Int32Array, (part) => part.token),
      position,
      prompt: joined(Int32Array, (part) => part.prompt),
    };
  }

  #part(n: number, prompt: number): Part {
    return {
      states: new Uint16Array(n * this.width),
      scalars: new Float32Array(n * this.#columns.length),
      labels: new Float32Array(2 * n),
      reached: new Uint8Array(2 * n),
      ratio: new Float32Array(n),
      token: new Int32Array(n),
      position: new Uint8Array(n),
      prompt: new Int32Array(n).fill(prompt),
    };
  }

  #state(record: StoredRecord, i: number): Uint16Array {
    return record.states.subarray(i * this.width, (i + 1) * this.width);
  }
}

/** Some examples, as the addon takes them; without scalars for a head of kind "paper". */
export function gather(
  { width, columns, states, scalars, labels }: HeadExamples,
  indices: Int32Array,
  kind: HeadKind,
): NativeHeadExamples {
  const n = indices.length;
  const numbers = kind === "paper" ? 0 : columns.length;
  const result = {
    states: new Uint16Array(n * width),
    stateOf: Int32Array.from({ length: n }, (_, i) => i),
    scalars: new Float32Array(n * numbers),
    labels: new Float32Array(2 * n),
  };
  for (let i = 0; i < n; ++i) {
    const from = indices[i] ?? 0;
    result.states.set(states.subarray(from * width, (from + 1) * width), i * width);
    result.scalars.set(scalars.subarray(from * numbers, (from + 1) * numbers), i * numbers);
    result.labels.set(labels.subarray(2 * from, 2 * from + 2), 2 * i);
  }
  return result;
}
