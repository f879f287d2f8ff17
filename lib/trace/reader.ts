import { throwIfAborted } from "../abort";
import { SpecdecError } from "../errors";
import { broken, readHeader, readIndex, readShard } from "./folder";
import type { TraceHeader, TraceRecord } from "./format";
import { decodeRecord, expandWalk, type StoredRecord } from "./record";

export interface ReadTraceOptions {
  /** Whether to read the hidden states, most of a trace's bytes. Default true. */
  states?: boolean;
  signal?: AbortSignal;
}

/** What a trace is of. Rejects with ERR_FILE_NOT_FOUND or ERR_TRACE_BROKEN. */
export function readTraceHeader(folder: string): Promise<TraceHeader> {
  return readHeader(checkFolder(folder));
}

/**
 * The records of a trace's complete shards, in the order of the prompts; also of one that is still
 * being written. Fails with ERR_FILE_NOT_FOUND, or ERR_TRACE_BROKEN when it comes to a shard that is
 * not as it was written.
 */
export async function* readTrace(
  folder: string,
  options: ReadTraceOptions = {},
): AsyncGenerator<TraceRecord, void, undefined> {
  const { mode, maxDraft } = await readTraceHeader(folder);
  for await (const record of readStoredTrace(folder, options)) {
    const { mixed, ...whole } = mode === "walk" ? expandWalk(record, maxDraft) : record;
    yield mode === "paper" ? { ...whole, mixed } : whole;
  }
}

/** The same records as they are stored: of walks, each position's rows once. */
export async function* readStoredTrace(
  folder: string,
  options: ReadTraceOptions = {},
): AsyncGenerator<StoredRecord, void, undefined> {
  const { stateWidth } = await readTraceHeader(folder);
  const withStates = options.states ?? true;
  for (const entry of await readIndex(folder)) {
    throwIfAborted(options.signal);
    const bytes = await readShard(folder, entry);
    const fail = (what: string): SpecdecError =>
      broken(folder, `${entry.file}: ${what}. Write the trace anew.`);
    let rows = 0;
    for (let at = 0; at < bytes.length;) {
      const { record, end } = decoded(bytes, at, { stateWidth, withStates }, fail);
      if (record.prompt < entry.from || record.prompt >= entry.to) {
        throw fail(`a record is of prompt ${record.prompt}, not ${entry.from} to ${entry.to - 1}`);
      }
      rows += record.token.length;
      at = end;
      yield record;
    }
    if (rows !== entry.rows) throw fail(`it has ${rows} rows, the index says ${entry.rows}`);
  }
}

function decoded(
  bytes: Uint8Array,
  at: number,
  layout: { stateWidth: number; withStates: boolean },
  fail: (what: string) => SpecdecError,
): ReturnType<typeof decodeRecord> {
  try {
    return decodeRecord(bytes, at, layout);
  } catch (error) {
    throw fail((error as Error).message);
  }
}

function checkFolder(folder: unknown): string {
  if (typeof folder !== "string" || folder === "") {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", "A trace's folder must be a path.");
  }
  return folder;
}
