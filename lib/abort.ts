import { SpecdecError } from "./errors";

/** ERR_ABORTED with the signal's reason as its cause; an error of ours as the reason keeps its code. */
export function abortError(signal: AbortSignal): SpecdecError {
  const reason: unknown = signal.reason;
  return SpecdecError.isInstance(reason)
    ? new SpecdecError(reason.code, reason.message, { cause: reason })
    : new SpecdecError("ERR_ABORTED", "The operation was aborted by its signal.", {
        cause: reason,
      });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** Runs `work`; calls `stop` if the signal aborts meanwhile, and then fails with the abort. */
export async function whileListening<T>(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: () => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  signal?.addEventListener("abort", stop);
  try {
    return await work();
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
