// Two calls, of one process or of two, must not write one file: the one that ends later would write
// behind the end of a file that is complete, and rename one that is gone.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { abortError } from "../abort";

/** Who gives no sign of life for so long has ended without giving its lock back. */
const staleMillis = 15_000;
const pollMillis = 250;

interface Settings {
  signal: AbortSignal;
  /** Called once if somebody else holds it. What it throws ends the waiting. */
  onWait: (() => void) | undefined;
  /** Called if another process takes it in between, having seen no sign of life of this one. */
  onLost: () => void;
}

/**
 * Takes the lock of a file as soon as nobody else holds it; resolves to what gives it back. The file's
 * folder is made. Rejects with ERR_ABORTED, what onWait throws, or what the file system says.
 */
export async function takeLock(
  file: string,
  { signal, onWait, onLost }: Settings,
): Promise<() => Promise<void>> {
  // Loaded here because it listens to signals from then on, and ends the process at some that Node ignores.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- not before it is needed
  const { lock } = require("proper-lockfile") as typeof import("proper-lockfile");
  await mkdir(path.dirname(file), { recursive: true });
  const options = { stale: staleMillis, realpath: false, onCompromised: onLost };
  for (let first = true; !signal.aborted; first = false) {
    try {
      return await lock(file, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") throw error;
    }
    if (first) onWait?.();
    await setTimeout(pollMillis, undefined, { signal }).catch(() => undefined);
  }
  throw abortError(signal);
}
