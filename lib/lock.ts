// Two calls, of one process or of two, must not write the same: a download would be written on behind
// the end of a file that is complete, and shards of two traces would be mixed up.

import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { abortError } from "./abort";

/** How often a holder gives a sign of life: its lock's time changes. */
const signMillis = 1000;
const pollMillis = 250;

interface Settings {
  /** Who gives no sign of life for so long has ended without giving its lock back. */
  staleMillis: number;
  signal: AbortSignal;
  /** Called once if somebody else holds it. What it throws ends the waiting. */
  onWait?: (() => void) | undefined;
  /** Called if its holder has given a sign of life meanwhile. What it throws ends the waiting. */
  onAlive?: (() => void) | undefined;
  /** Called if another process takes it in between, having seen no sign of life of this one, or deletes it. */
  onLost: (error: Error) => void;
}

/**
 * Takes a lock, a folder of that path while it is held, as soon as nobody else has it; resolves to what
 * gives it back. The folder it is in is made. Rejects with ERR_ABORTED, what onWait or onAlive throws, or
 * what the file system says.
 */
export async function takeLock(
  path: string,
  { staleMillis, signal, onWait, onAlive, onLost }: Settings,
): Promise<() => Promise<void>> {
  const { lock } = loadLibrary();
  const holder = new Holder(path);
  for (let first = true; !signal.aborted; first = false) {
    await mkdir(dirname(path), { recursive: true }); // each time: a holder may take it along
    try {
      return await lock(path, {
        lockfilePath: path,
        // By the clock of the day, which may be set, and be another on another machine: Holder decides.
        stale: Infinity,
        update: signMillis,
        realpath: false,
        onCompromised: onLost,
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOENT: a holder has taken the folder along after all.
      if (code !== "ELOCKED" && code !== "ENOENT") throw error;
    }
    if (first) onWait?.();
    const { signs, silentMillis } = await holder.look();
    if (signs > 0) onAlive?.();
    if (silentMillis > staleMillis) await rmdir(path).catch(() => undefined);
    await setTimeout(pollMillis, undefined, { signal }).catch(() => undefined);
  }
  throw abortError(signal);
}

/** Who holds a lock, as somebody sees it who wants it. */
class Holder {
  #sign: number | undefined;
  #since = 0;
  #signs = 0;

  constructor(private readonly path: string) {}

  /** How many signs of life there have been since the first look, and how long there has been none. */
  async look(): Promise<{ signs: number; silentMillis: number }> {
    const sign = await stat(this.path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined, // given back
    );
    if (sign === undefined || sign !== this.#sign) {
      if (sign !== undefined && this.#sign !== undefined) this.#signs += 1;
      this.#sign = sign;
      this.#since = performance.now();
    }
    return { signs: this.#signs, silentMillis: performance.now() - this.#since };
  }
}

/**
 * Loaded only when it is needed, because it listens to signals from then on and ends the process at some.
 * One of them is not to end it, a file that grows beyond the process's limit: writing is to fail then,
 * as it does in Node without listeners.
 */
function loadLibrary(): typeof import("proper-lockfile") {
  if (!process.listeners("SIGXFSZ").includes(ignore)) process.on("SIGXFSZ", ignore);
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- not before it is needed
  return require("proper-lockfile") as typeof import("proper-lockfile");
}

function ignore(): void {
  // The library leaves signals alone that somebody else listens to.
}
