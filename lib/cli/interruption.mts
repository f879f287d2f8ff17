import { SpecdecError } from "../index.js";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof exitCodes;
const signals = Object.keys(exitCodes) as Signal[];

class Interruption extends Error {
  constructor(readonly signal: Signal) {
    super(signal === "SIGINT" ? "interrupted" : "terminated");
  }
}

/** The exit code that stands for an interruption; none for other errors. */
export function exitCodeOf(error: unknown): number | undefined {
  return error instanceof Interruption ? exitCodes[error.signal] : undefined;
}

/**
 * Runs work that Ctrl-C or SIGTERM aborts through its signal; what it threw then counts as the
 * interruption. A second signal ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: Signal | undefined;
  const stopListening = (): void => {
    for (const name of signals) process.off(name, onSignal);
  };
  const onSignal = (name: Signal): void => {
    if (received !== undefined) {
      stopListening();
      process.kill(process.pid, name);
    }
    received = name;
    controller.abort();
  };
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    const aborted = SpecdecError.isInstance(error) && error.code === "ERR_ABORTED";
    throw aborted && received !== undefined ? new Interruption(received) : error;
  } finally {
    stopListening();
  }
}
