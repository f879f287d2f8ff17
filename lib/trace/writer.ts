// How the folder of a trace is written so that it survives a kill.

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { SpecdecError } from "../errors";
import { findHeader, headerName, indexName, lockName, shardName, usableEntries } from "./folder";
import type { ShardEntry, TraceHeader } from "./format";

/** Of files that are not whole yet. */
const partialSuffix = ".partial";

/** A shard that is being written. */
interface OpenShard {
  file: FileHandle;
  hash: Hash;
  rows: number;
  bytes: number;
}

/** Writes a trace, or goes on with one. */
export class TraceWriter {
  #shard: OpenShard | undefined;

  private constructor(
    private readonly folder: string,
    readonly entries: ShardEntry[],
    private readonly lost: AbortSignal | undefined,
  ) {}

  /**
   * Begins a trace in a folder that is empty or not there, or goes on with one of the same header.
   * Throws ERR_TRACE_MISMATCH, ERR_TRACE_BROKEN or ERR_WRITE. Once `lost` aborts, the folder is
   * another's: nothing in it is touched any more, and what would write throws the signal's reason.
   */
  static async open(folder: string, header: TraceHeader, lost?: AbortSignal): Promise<TraceWriter> {
    lost?.throwIfAborted();
    const there = await findHeader(folder);
    if (there !== undefined) {
      const difference = differenceOf(there, header);
      if (difference.length > 0) {
        throw new SpecdecError(
          "ERR_TRACE_MISMATCH",
          `${folder} holds a trace of other options: ${difference.join("; ")}. Give the same options to go on with it, or another folder.`,
        );
      }
      const entries = await usableEntries(folder);
      return writing(folder, async () => {
        await removePartials(folder);
        await rewriteIndex(folder, entries);
        return new TraceWriter(folder, entries, lost);
      });
    }
    return writing(folder, async () => {
      await mkdir(folder, { recursive: true });
      const ours = [lockName, headerName + partialSuffix];
      const others = (await readdir(folder)).filter((name) => !ours.includes(name));
      if (others.length > 0) {
        throw new SpecdecError(
          "ERR_WRITE",
          `${folder} is not empty and holds no trace (${others.slice(0, 3).join(", ")}). Give another folder.`,
        );
      }
      await replaceFile(folder, headerName, `${JSON.stringify(header, undefined, 2)}\n`);
      return new TraceWriter(folder, [], lost);
    });
  }

  /** The first prompt that no complete shard covers; none yet: undefined. */
  get next(): number | undefined {
    return this.entries.at(-1)?.to;
  }

  get sizeBytes(): number {
    return this.entries.reduce((sum, { bytes }) => sum + bytes, this.#shard?.bytes ?? 0);
  }

  get rows(): number {
    return this.entries.reduce((sum, { rows }) => sum + rows, this.#shard?.rows ?? 0);
  }

  /** Bytes of the shard that is being written. */
  get shardBytes(): number {
    return this.#shard?.bytes ?? 0;
  }

  get #partial(): string {
    return path.join(this.folder, shardName(this.entries.length) + partialSuffix);
  }

  /** Adds a record to the shard that is being written. */
  async add(record: Uint8Array, rows: number): Promise<void> {
    await this.#writing(async () => {
      const shard = await this.#open();
      await shard.file.appendFile(record);
      shard.hash.update(record);
      shard.rows += rows;
      shard.bytes += record.length;
    });
  }

  /** Completes the shard; it covers the prompts [from, to). */
  async finishShard(from: number, to: number): Promise<void> {
    await this.#writing(async () => {
      const { file, hash, rows, bytes } = await this.#open();
      await file.sync();
      await file.close();
      this.lost?.throwIfAborted();
      const name = shardName(this.entries.length);
      await rename(this.#partial, path.join(this.folder, name));
      await syncFolder(this.folder);
      // The line comes last: a shard that has one is whole and on the disk.
      const entry = { file: name, from, to, rows, bytes, sha256: hash.digest("hex") };
      const index = await open(path.join(this.folder, indexName), "a");
      try {
        await index.appendFile(`${JSON.stringify(entry)}\n`);
        await index.sync();
      } finally {
        await index.close();
      }
      await syncFolder(this.folder);
      this.entries.push(entry);
      this.#shard = undefined;
    });
  }

  /** Leaves nothing of a shard that is not complete. */
  async close(): Promise<void> {
    await this.#shard?.file.close().catch(() => undefined); // closed already when its end failed
    if (!this.lost?.aborted) await rm(this.#partial, { force: true }).catch(() => undefined);
    this.#shard = undefined;
  }

  async #writing(work: () => Promise<void>): Promise<void> {
    this.lost?.throwIfAborted();
    await writing(this.folder, work);
  }

  async #open(): Promise<OpenShard> {
    this.#shard ??= {
      file: await open(this.#partial, "w"),
      hash: createHash("sha256"),
      rows: 0,
      bytes: 0,
    };
    return this.#shard;
  }
}

/** What a killed run was at. */
async function removePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(partialSuffix)) await rm(path.join(folder, name));
  }
}

async function rewriteIndex(folder: string, entries: readonly ShardEntry[]): Promise<void> {
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
  const before = await readFile(path.join(folder, indexName), "utf8").catch(() => "");
  if (text !== before) await replaceFile(folder, indexName, text);
}

async function replaceFile(folder: string, name: string, content: string): Promise<void> {
  const partial = path.join(folder, name + partialSuffix);
  const file = await open(partial, "w");
  try {
    await file.appendFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path.join(folder, name));
  await syncFolder(folder);
}

/** Makes names that were given last. Windows has no such call and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the file system refuses is ERR_WRITE. */
export async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw SpecdecError.isInstance(cause) ? cause : writeError(folder, cause);
  }
}

export function writeError(folder: string, cause: unknown): SpecdecError {
  return new SpecdecError(
    "ERR_WRITE",
    `Cannot write the trace ${folder}: ${(cause as Error).message}. Check the folder, its permissions and the space that is left. Shards that are complete are kept; the same command goes on from there.`,
    { cause },
  );
}

/** Paths differ from place to place; the fingerprints tell what is in the files. */
const mayDiffer = ["models", "prompts.file", "arrays"];

/** Where two headers differ, for people. */
function differenceOf(there: unknown, now: unknown, name = ""): string[] {
  if (mayDiffer.includes(name)) return [];
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (isObject(there) && isObject(now)) {
    const keys = new Set([...Object.keys(there), ...Object.keys(now)]);
    return [...keys].flatMap((key) =>
      differenceOf(there[key], now[key], name === "" ? key : `${name}.${key}`),
    );
  }
  if (there === now) return [];
  if (name.startsWith("fingerprints.")) return [`the ${name.slice(13)} is another`];
  if (name === "prompts.fingerprint") return ["the prompts are others"];
  const shown = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value));
  return [`${name.replace(/^\w+\./, "")} is ${shown(there)} there and ${shown(now)} here`];
}
