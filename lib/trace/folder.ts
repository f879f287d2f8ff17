// The folder of a trace as files: which there are, and whether they are as they were written.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { SpecdecError } from "../errors";
import { type ShardEntry, traceFormat, type TraceHeader } from "./format";

export const headerName = "header.json";
export const indexName = "index.jsonl";
/** There as long as somebody writes. */
export const lockName = "writer.lock";

export function shardName(number: number): string {
  return `shard-${String(number).padStart(5, "0")}.bin`;
}

export function broken(folder: string, what: string, cause?: unknown): SpecdecError {
  return new SpecdecError("ERR_TRACE_BROKEN", `The trace ${folder} is broken: ${what}`, { cause });
}

/** Throws ERR_FILE_NOT_FOUND or ERR_TRACE_BROKEN. */
export async function readHeader(folder: string): Promise<TraceHeader> {
  const header = await findHeader(folder);
  if (header === undefined) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `There is no trace in ${folder}: it has no ${headerName}. Give the folder that \`specdecpp trace\` wrote.`,
    );
  }
  return header;
}

/** None where there is no trace. Throws ERR_TRACE_BROKEN. */
export async function findHeader(folder: string): Promise<TraceHeader | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(folder, headerName), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw broken(folder, `${headerName} cannot be read (${String(code)}).`, error);
  }
  const header = parseObject(text) as TraceHeader | undefined;
  if (header === undefined || typeof header.format !== "number") {
    throw broken(folder, `${headerName} is not the header of a trace.`);
  }
  if ((header.format as number) !== traceFormat) {
    throw broken(
      folder,
      `its format is ${header.format}, and this version reads ${traceFormat}. Use the version that wrote it.`,
    );
  }
  return header;
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The shards that are complete, by the index; a last line without its end is not one yet. */
export async function readIndex(folder: string): Promise<ShardEntry[]> {
  let text = "";
  try {
    text = await readFile(path.join(folder, indexName), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw broken(folder, `${indexName} cannot be read (${String(code)}).`);
  }
  return text
    .split("\n")
    .slice(0, -1)
    .map((line, i) => {
      const entry = parseObject(line) as ShardEntry | undefined;
      const whole = [entry?.from, entry?.to, entry?.rows, entry?.bytes].every(Number.isInteger);
      if (entry === undefined || !whole || entry.file !== shardName(i)) {
        throw broken(
          folder,
          `line ${i + 1} of ${indexName} is not an entry of ${shardName(i)}. Write the trace anew.`,
        );
      }
      return entry;
    });
}

/** What does not fit the entry, if anything: without reading the shard. */
async function sizeProblem(folder: string, entry: ShardEntry): Promise<string | undefined> {
  const size = await stat(path.join(folder, entry.file)).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) return "is not there";
  return size === entry.bytes ? undefined : `has ${size} bytes instead of ${entry.bytes}`;
}

/** The shards before the first that is missing or not as long as it was. */
export async function usableEntries(folder: string): Promise<ShardEntry[]> {
  const usable: ShardEntry[] = [];
  for (const entry of await readIndex(folder)) {
    if ((await sizeProblem(folder, entry)) !== undefined) break;
    usable.push(entry);
  }
  return usable;
}

/** A shard's bytes, checked against its entry. Throws ERR_TRACE_BROKEN. */
export async function readShard(folder: string, entry: ShardEntry): Promise<Uint8Array> {
  const fail = (what: string, cause?: unknown): SpecdecError =>
    broken(
      folder,
      `${entry.file} ${what}. Delete it, and write it again with the command that wrote the trace; the shards before it are kept.`,
      cause,
    );
  const problem = await sizeProblem(folder, entry);
  if (problem !== undefined) throw fail(problem);
  const bytes = await readFile(path.join(folder, entry.file)).catch((error: unknown) => {
    throw fail(`cannot be read (${(error as Error).message})`, error);
  });
  if (createHash("sha256").update(bytes).digest("hex") !== entry.sha256) {
    throw fail("does not have the content that was written");
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
