/** How many of the last rounds tell it. Fewer than half of them can be out of line without an effect. */
const memory = 9;
/**
 * By how many standard errors of their median, and at the least, they have to differ from what was thought, as
 * logarithms. What is less is left to each length's own rounds: if every chance were followed, the factor would
 * wander, as what is typical is kept by it.
 */
const clearly = { errors: 3, least: 0.2 };
/** What is more than that is many stalls at once. It would spoil what is known of lengths. */
const most = Math.log(4);

/**
 * How many times as long as before rounds take now: a machine that has become slower, or faster, shows it
 * in whatever rounds there are. Without it the lengths that are in use would be priced by the machine as it
 * is, and the others as it was when they last came up.
 */
export class Slowdown {
  /** As logarithms, since half as long is as much as twice as long. */
  readonly #last: number[] = [];
  #log = 0;
  #factor = 1;

  get factor(): number {
    return this.#factor;
  }

  /** ratio: what a round took of what is typical of its kind where the machine is as it was first. */
  observe(ratio: number): void {
    this.#last.push(Math.log(ratio));
    if (this.#last.length < memory) return;
    if (this.#last.length > memory) this.#last.shift();
    const log = median(this.#last);
    const deviation = 1.48 * median(this.#last.map((value) => Math.abs(value - log)));
    const error = (1.25 * deviation) / Math.sqrt(memory);
    const needed = Math.max(clearly.least, clearly.errors * error);
    if (Math.abs(log) > most || Math.abs(log - this.#log) <= needed) return;
    this.#log = log;
    this.#factor = Math.exp(log);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[memory >> 1] ?? NaN;
}
