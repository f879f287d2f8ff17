import { abortError, throwIfAborted } from "./abort";

/**
 * Lets one user in at a time, in the order of arrival. Who aborts while waiting leaves the queue
 * without holding up those behind.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  /** Resolves when it is the caller's turn, who must call the function it gets when done. */
  async enter(signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#taken) {
      await new Promise<void>((resolve, reject) => {
        const proceed = (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        const leave = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
          reject(abortError(signal));
        };
        signal.addEventListener("abort", leave, { once: true });
        this.#waiting.push(proceed);
      });
    }
    this.#taken = true;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken = false;
      else next(); // stays taken: nobody can come in between
    };
  }
}
