// What a training leaves after each epoch, beside the file it is to write.

import { createHash } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { SpecdecError } from "../errors";
import type { EpochReport } from "./report";

export interface Checkpoint {
  /** Of the options and the traces: only the same training goes on with it. */
  identity: Record<string, unknown>;
  epochs: EpochReport[];
  /** The epoch with the least loss, from 1. */
  best: number;
  /** The trainer's states: after the last epoch, and after the best. */
  current: Uint8Array;
  kept: Uint8Array;
}

export function checkpointFile(out: string): string {
  return `${out}.checkpoint`;
}

/** A line of JSON, then both states. */
export async function writeCheckpoint(
  file: string,
  { current, kept, ...rest }: Checkpoint,
): Promise<void> {
  const partial = `${file}.partial`;
  const header = { ...rest, bytes: [current.length, kept.length], sha256: digest(current, kept) };
  try {
    const handle = await open(partial, "w");
    try {
      await handle.appendFile(`${JSON.stringify(header)}\n`);
      await handle.appendFile(current);
      await handle.appendFile(kept);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new SpecdecError(
      "ERR_WRITE",
      `Cannot write the checkpoint ${file}: ${(cause as Error).message}. Check the folder, its permissions and the space that is left.`,
      { cause },
    );
  }
}

/** None: undefined. Throws ERR_HEAD_MISMATCH for one of another training, and for a broken one. */
export async function readCheckpoint(
  file: string,
  identity: Record<string, unknown>,
): Promise<Checkpoint | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(file, `cannot be read (${(error as Error).message})`, error);
  }
  const checkpoint = parse(bytes);
  if (checkpoint === undefined) throw unusable(file, "is damaged");
  const other = Object.keys({ ...checkpoint.identity, ...identity }).filter(
    (key) => JSON.stringify(checkpoint.identity[key]) !== JSON.stringify(identity[key]),
  );
  if (other.length > 0) {
    const show = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value));
    const differences = other.map(
      (key) => `${key} is ${show(checkpoint.identity[key])} there and ${show(identity[key])} here`,
    );
    throw unusable(file, `is of another training: ${differences.join("; ")}`);
  }
  return checkpoint;
}

function unusable(file: string, why: string, cause?: unknown): SpecdecError {
  return new SpecdecError(
    "ERR_HEAD_MISMATCH",
    `The checkpoint ${file} ${why}. Train with the options it was begun with to go on, or delete it to begin anew.`,
    { cause },
  );
}

function parse(bytes: Buffer): Checkpoint | undefined {
  const end = bytes.indexOf("\n");
  try {
    const {
      bytes: lengths,
      sha256,
      ...rest
    } = JSON.parse(bytes.subarray(0, end).toString("utf8")) as Omit<
      Checkpoint,
      "current" | "kept"
    > & { bytes: [number, number]; sha256: string };
    const at = end + 1 + lengths[0];
    const current = Uint8Array.from(bytes.subarray(end + 1, at));
    const kept = Uint8Array.from(bytes.subarray(at));
    const whole = kept.length === lengths[1] && digest(current, kept) === sha256;
    return whole ? { ...rest, current, kept } : undefined;
  } catch {
    return undefined;
  }
}

function digest(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
