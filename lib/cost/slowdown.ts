/** How many of the last rounds tell it. Fewer than half of them can be out of line without an effect. */
const memory = 9;
/** By how many standard errors of their median they have to differ from what was thought. */
const clearly = 3;
/** What is more than that, as a logarithm, is many stalls at once. It would spoil what is known of lengths. */
const most = Math.LN2;

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
    // Of a median, 1.25; what is typical is the median of as few.
    const error = (1.25 * Math.SQRT2 * deviation) / Math.sqrt(memory);
    if (Math.abs(log) > most || Math.abs(log - this.#log) <= clearly * error) return;
    this.#log = log;
    this.#factor = Math.exp(log);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[memory >> 1] ?? NaN;
}
