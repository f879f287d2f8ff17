// A trace has one writer at a time: of two, the shards would be mixed up.

import { mkdir, rmdir } from "node:fs/promises";
import path from "node:path";
import { SpecdecError } from "../errors";
import { takeLock } from "../lock";
import { lockName } from "./folder";
import { writeError, writing } from "./writer";

/** A killed writer keeps others waiting so long, and one that was stopped longer has lost its folder. */
const staleMillis = 5000;

/** A trace's folder, held by one writer. */
export interface FolderLock extends AsyncDisposable {
  /** Aborts when the folder is another's in between; its reason is the error to throw. */
  lost: AbortSignal;
}

/**
 * Takes a trace's folder for one writer, until it is disposed of. The folder is made, and goes again if
 * nothing is written. Rejects with ERR_BUSY when another writer is seen to be alive, ERR_WRITE or ERR_ABORTED.
 */
export async function lockFolder(
  folder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<FolderLock> {
  const lost = new AbortController();
  const made = await writing(folder, () => mkdir(folder, { recursive: true }));
  const removeMade = async (): Promise<void> => {
    if (made !== undefined) await rmdir(folder).catch(() => undefined); // something is in it
  };
  const giveBack = await writing(folder, () =>
    takeLock(path.join(folder, lockName), {
      staleMillis,
      signal,
      onAlive: () => {
        throw new SpecdecError(
          "ERR_BUSY",
          `The trace ${folder} is being written, by another process or by another call. Wait until that has ended, or give another folder.`,
        );
      },
      onLost: (cause) => {
        lost.abort("syscall" in cause ? writeError(folder, cause) : takenOver(folder, cause));
      },
    }),
  ).catch(async (error: unknown) => {
    await removeMade();
    throw error;
  });
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      await giveBack().catch(() => undefined); // it was lost, or its folder is gone
      await removeMade();
    },
  };
}

function takenOver(folder: string, cause: Error): SpecdecError {
  return new SpecdecError(
    "ERR_BUSY",
    `Another process has taken over the trace ${folder}, as this one gave no sign of life for ${staleMillis / 1000} s. Wait until that has ended; the same command goes on from there.`,
    { cause },
  );
}
