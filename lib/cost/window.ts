/** How many of the last rounds of a kind count. Half of them can be out of line without an effect. */
export const memory = 15;
/**
 * From so many values on their median counts. Of fewer the least does: a stall in the first of them would
 * keep a rule from what it could correct.
 */
export const enough = 5;
/** After so many drafts of other lengths a length's oldest round is forgotten: a rule may avoid it for an outlier. */
const patience = 100;

/** The last values that were added. */
export class Window {
  readonly #values: number[];
  #typical: number | undefined;
  #hasNew = false;
  /** The age from which on its oldest value is kept for some time more. */
  #since = 0;

  /** weight: how many values of 1 there are to begin with; trusted: from how many on the median counts, not the least. */
  constructor(
    private readonly weight: number,
    private readonly trusted = enough,
  ) {
    this.#values = Array<number>(weight).fill(1);
  }

  /** age: the drafts until then. */
  add(value: number, age = 0): void {
    this.#hasNew = true;
    this.#since = age;
    this.#values.push(value);
    if (this.#values.length > memory) this.#values.shift();
    this.#typical = undefined;
  }

  /** Whether one value alone says what is typical. */
  get single(): boolean {
    return this.#values.length === 1;
  }

  /** One value for every so many drafts that added nothing here. */
  forget(age: number): void {
    for (; this.#hasNew && age - this.#since >= patience; this.#since += patience) {
      this.#values.shift();
      this.#typical = undefined;
      this.#hasNew = this.#values.length > this.weight;
    }
  }

  /** The median of these values, of few the least; undefined before the first that was added. */
  get typical(): number | undefined {
    if (this.#hasNew) this.#typical ??= this.#found;
    return this.#typical;
  }

  /** Whether there are as many as count: then what is typical is sure. */
  get full(): boolean {
    return this.#values.length === memory;
  }

  get #found(): number {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const few = sorted.length < this.trusted;
    return sorted[Math.floor(sorted.length / (few ? enough : 2))] ?? NaN;
  }
}
