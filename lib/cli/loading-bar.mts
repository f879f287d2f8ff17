import { SingleBar } from "cli-progress";

/** Loading that takes no longer needs no bar. */
const patienceMillis = 500;

/** Shows how far loading is, on stderr when that is a terminal. */
export class LoadingBar {
  readonly #start = performance.now();
  #bar: SingleBar | undefined;

  update(progress: { model: string; fraction: number }): void {
    if (!process.stderr.isTTY || performance.now() - this.#start < patienceMillis) return;
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        format: "Loading the {model} {bar} {percentage} %",
        stream: process.stderr,
        barsize: 30,
        clearOnComplete: true,
        hideCursor: true,
      });
      this.#bar.start(1, 0, { model: progress.model });
    }
    this.#bar.update(progress.fraction, { model: progress.model });
  }

  stop(): void {
    this.#bar?.stop();
  }
}
