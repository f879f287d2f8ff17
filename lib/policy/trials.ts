/** Rounds without a draft before one is tried: at first, and at most where trials are cheap. */
const shortestWait = 16;
const longestWait = 112;
/** The share of the time that trials may cost where they are not; and how rare they become for it. */
const share = 0.01;
const rarest = 1024;
/** Trials one after the other that together have to pay. */
const enough = 2;

/**
 * When to draft although it does not seem to pay: a rule that does not draft learns nothing, and
 * would not notice that it could. Waits twice as long after each trial that did not pay, so that a
 * useless draft costs little, and tries again at once after one that did.
 */
export class Trials {
  #quiet = 0;
  #wait = shortestWait;
  #made = 0;
  #gained = 0;

  /** Whether the next round should be one. */
  get due(): boolean {
    return this.left <= 0;
  }

  /** Rounds without a draft until then. */
  get left(): number {
    return this.#made > 0 ? 0 : this.#wait - this.#quiet;
  }

  /** A round that was none, or so many. */
  pass(drafted: number, rounds = 1): void {
    if (drafted === 0) this.#quiet += rounds;
    else this.#restart();
  }

  /**
   * A trial. gained: what its tokens take one by one beside what they took, cost: what it took beside a
   * plain round, in plain rounds both. Returns whether there have been enough that together paid.
   */
  judge(gained: number, cost: number): boolean {
    this.#quiet = 0;
    this.#made += 1;
    this.#gained += gained;
    if (this.#gained <= 0) {
      const longest = Math.min(Math.max(longestWait, cost / share), rarest);
      this.#wait = Math.min(2 * this.#wait, longest);
      this.#made = 0;
      this.#gained = 0;
    }
    if (this.#made < enough) return false;
    this.#restart();
    return true;
  }

  #restart(): void {
    this.#quiet = 0;
    this.#made = 0;
    this.#gained = 0;
    this.#wait = shortestWait;
  }
}
