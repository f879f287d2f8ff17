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
  const holder = new Holder(path, staleMillis);
  for (let first = true; !signal.aborted; first = false) {
    await mkdir(dirname(path), { recursive: true }); // each time: a holder may take it along
    try {
      return await lock(path, {
        lockfilePath: path,
        stale: staleMillis,
        update: signMillis,
        realpath: false,
        onCompromised: onLost,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") throw error;
    }
    if (first) onWait?.();
    if (await holder.isAlive()) onAlive?.();
    await setTimeout(pollMillis, undefined, { signal }).catch(() => undefined);
  }
  throw abortError(signal);
}

/** Who holds a lock, as somebody sees it who wants it. */
class Holder {
  #sign: number | undefined;
  #since = 0;

  constructor(
    private readonly path: string,
    private readonly staleMillis: number,
  ) {}

  /** Whether it has given a sign of life since this was asked first. */
  async isAlive(): Promise<boolean> {
    const sign = await stat(this.path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined, // given back
    );
    if (sign === undefined) return false;
    const before = this.#sign;
    if (sign !== before) {
      this.#sign = sign;
      this.#since = performance.now();
    } else if (performance.now() - this.#since > this.staleMillis) {
      // Its time would be over long ago, were it not in the future: a clock has been set meanwhile.
      await rmdir(this.path).catch(() => undefined);
    }
    return before !== undefined && sign !== before;
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
