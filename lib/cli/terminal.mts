// A person at a terminal: lines are edited, Ctrl-C stops what is going on and not the program.

import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";

/** Lines that come within this time were pasted at once, and are one message. */
const pasteMillis = 20;

export class Terminal {
  readonly #screen = new Screen();
  readonly #lines: Interface;
  /** What was entered and not yet read. */
  readonly #entered: { text: string; at: number }[] = [];
  #work: AbortController | undefined;
  #wake: (() => void) | undefined;
  #leaving = false; // after one Ctrl-C at an empty prompt
  #closed = false;

  constructor(prompt: string, commands: readonly string[]) {
    this.#lines = createInterface({
      input: process.stdin,
      output: this.#screen,
      terminal: true,
      prompt,
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string) => [
        line === "" ? [] : commands.filter((command) => command.startsWith(line)),
        line,
      ],
    });
    this.#lines.on("line", (text) => {
      this.#enter(text);
    });
    this.#lines.on("SIGINT", () => {
      this.#interrupt();
    });
    this.#lines.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** The next message; undefined when there will be none. Ends early when the signal aborts. */
  async read(signal: AbortSignal): Promise<string | undefined> {
    this.#leaving = false;
    this.#screen.muted = false;
    if (!this.#closed) this.#lines.prompt(true); // with what was typed meanwhile
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        const last = this.#entered[0];
        const age = last ? performance.now() - last.at : 0;
        // A line that is not yet ended may be the rest of what was pasted.
        if (last && (this.#closed || (age >= pasteMillis && this.#lines.line === ""))) {
          this.#entered.shift();
          return last.text;
        }
        if (this.#closed) return undefined;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (last) setTimeout(resolve, Math.max(1, pasteMillis - age));
        });
      }
      return undefined;
    } finally {
      signal.removeEventListener("abort", wake);
      this.#screen.muted = true;
    }
  }

  /** Does something that Ctrl-C aborts. What is typed meanwhile waits, unseen, for the prompt. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#work = new AbortController();
    try {
      return await work(this.#work.signal);
    } finally {
      this.#work = undefined;
    }
  }

  close(): void {
    this.#lines.close();
  }

  #enter(text: string): void {
    const now = performance.now();
    const last = this.#entered.at(-1);
    if (last && now - last.at < pasteMillis) {
      last.text += `\n${text}`;
      last.at = now;
    } else {
      this.#entered.push({ text, at: now });
    }
    this.#wake?.();
  }

  #interrupt(): void {
    if (this.#work) {
      this.#work.abort();
    } else if (this.#lines.line !== "") {
      for (const name of ["e", "u"]) this.#lines.write("", { ctrl: true, name }); // clears the line
      this.#leaving = false;
    } else if (this.#leaving) {
      this.#lines.close();
    } else {
      this.#leaving = true;
      this.#screen.write("\nCtrl-C again, or Ctrl-D, leaves.\n");
      this.#lines.prompt();
    }
  }
}

/** Where readline writes: stdout, unless it is muted. */
class Screen extends Writable {
  muted = true;

  constructor() {
    super();
    process.stdout.on("resize", () => this.emit("resize"));
  }

  get columns(): number {
    return process.stdout.columns;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.muted) process.stdout.write(chunk);
    done();
  }
}
