import { SingleBar } from "cli-progress";

/** What takes no longer needs no bar. */
const patienceMillis = 500;

/** Shows how far something is, on stderr when that is a terminal. */
export class ProgressBar {
  readonly #start = performance.now();
  #bar: SingleBar | undefined;

  /** what: such as "Loading the target". */
  update(what: string, fraction: number): void {
    if (!process.stderr.isTTY || performance.now() - this.#start < patienceMillis) return;
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        format: "{what} {bar} {percentage} %",
        stream: process.stderr,
        barsize: 30,
        clearOnComplete: true,
        hideCursor: true,
      });
      this.#bar.start(1, 0, { what });
    }
    this.#bar.update(fraction, { what });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined; // a stopped one takes no updates
  }
}
