/** Rounds without a draft before one is tried: at first, and at most. */
const shortestWait = 16;
const longestWait = 128;
/** Trials one after the other that have to pay. */
const enough = 2;

/**
 * When to draft although it does not seem to pay: a rule that does not draft learns nothing, and
 * would not notice that it could. Waits twice as long after each trial that did not pay, so that a
 * useless draft costs little, and tries again at once after one that did.
 */
export class Trials {
  #quiet = 0;
  #wait = shortestWait;
  #paid = 0;

  /** Whether the next round should be one. */
  get due(): boolean {
    return this.#paid > 0 || this.#quiet >= this.#wait;
  }

  /** A round that was none. */
  pass(drafted: number): void {
    if (drafted === 0) this.#quiet += 1;
    else this.#restart();
  }

  /** A trial. Returns whether there have been enough that paid. */
  judge(paid: boolean): boolean {
    this.#quiet = 0;
    this.#paid = paid ? this.#paid + 1 : 0;
    if (!paid) this.#wait = Math.min(2 * this.#wait, longestWait);
    if (this.#paid < enough) return false;
    this.#restart();
    return true;
  }

  #restart(): void {
    this.#quiet = 0;
    this.#paid = 0;
    this.#wait = shortestWait;
  }
}
