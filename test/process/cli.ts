// The command line, run as its users run it: a process of its own.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type ChildResult, root } from "./child";

const cliFile = path.join(root, "dist/cli/cli.mjs");
const deadlineMillis = 100_000;

export const target = path.join(root, "models/demo/target.gguf");
export const draft = path.join(root, "models/demo/draft.gguf");
/** The embedded pair, on one thread. */
export const pair = ["--target", target, "--draft", draft, "--threads", "1"];

// Nothing of the surroundings that has a say in colours or in debugging.
const { PATH, HOME, XDG_CACHE_HOME } = process.env;
const plainEnv = { PATH, HOME, XDG_CACHE_HOME, TERM: "xterm-256color" };

interface Settings {
  input?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs `specdecpp` to its end. */
export function cli(args: string[], { input, env, cwd }: Settings = {}): ChildResult {
  return spawnSync(process.execPath, [cliFile, ...args], {
    cwd: cwd ?? root,
    env: { ...plainEnv, ...env },
    encoding: "utf8",
    input: input ?? "",
    timeout: deadlineMillis,
    killSignal: "SIGKILL",
  });
}

/** Runs `specdecpp` in a shell's command line: `$CLI` stands for it. */
export function shell(script: string): ChildResult {
  return spawnSync("bash", ["-c", script], {
    cwd: root,
    env: { ...plainEnv, CLI: `${process.execPath} ${cliFile}` },
    encoding: "utf8",
    timeout: deadlineMillis,
    killSignal: "SIGKILL",
  });
}

/** Runs `specdecpp` on a pseudo-terminal, where stdout and stderr are one; lines end as files do. */
export function onTerminal(args: string[], env: NodeJS.ProcessEnv = {}): ChildResult {
  const command = [process.execPath, cliFile, ...args].map((word) => `'${word}'`).join(" ");
  const result = spawnSync("script", ["-qec", command, "/dev/null"], {
    cwd: root,
    env: { ...plainEnv, ...env },
    encoding: "utf8",
    timeout: deadlineMillis,
    killSignal: "SIGKILL",
  });
  return { ...result, stdout: result.stdout.replaceAll("\r\n", "\n") };
}

/** A running `specdecpp`, to be interrupted. */
export class RunningCli {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  stdout = "";
  stderr = "";

  /** preload: a CommonJS file that is run first. */
  constructor(args: string[], preload?: string) {
    this.#child = spawn(
      process.execPath,
      [...(preload === undefined ? [] : ["--require", preload]), cliFile, ...args],
      { cwd: root, env: plainEnv, timeout: deadlineMillis, killSignal: "SIGKILL" },
    );
    this.#closed = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
  }

  /** Waits until stdout or stderr has something that the pattern matches. */
  async until(stream: "stdout" | "stderr", pattern: RegExp): Promise<void> {
    while (!pattern.test(this[stream])) {
      const source = this.#child[stream];
      if (source === null || this.#child.exitCode !== null) {
        throw new Error(`ended before ${String(pattern)}: ${this.stdout}${this.stderr}`);
      }
      await Promise.race([once(source, "data"), this.#closed]);
    }
  }

  /** Writes to its stdin. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
    await this.#closed;
    return { status: this.#child.exitCode, signal: this.#child.signalCode };
  }
}

/** What a --json run printed, which the caller knows the shape of. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- in place of a cast by each caller
export function json<T>(result: { stdout: string }): T {
  return JSON.parse(result.stdout) as T;
}

/** `specdecpp` on a pseudo-terminal of 100 columns, with somebody who types. */
export class TypedCli {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  /** All that came to the screen, colours and cursor movements included. */
  screen = "";
  #read = 0;

  constructor(args: string[]) {
    const words = [process.execPath, cliFile, ...args].map((word) => `'${word}'`).join(" ");
    this.#child = spawn("script", ["-qefc", `stty cols 100; exec ${words}`, "/dev/null"], {
      cwd: root,
      env: plainEnv,
      timeout: deadlineMillis,
      killSignal: "SIGKILL",
    });
    this.#closed = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.screen += text));
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until something new on the screen matches; returns what is new up to there. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const fresh = this.screen.slice(this.#read);
      const found = pattern.exec(fresh);
      if (found) {
        const end = found.index + found[0].length;
        this.#read += end;
        return fresh.slice(0, end);
      }
      if (this.#child.exitCode !== null) throw new Error(`no ${String(pattern)}: ${this.screen}`);
      await Promise.race([once(this.#child.stdout ?? this.#child, "data"), this.#closed]);
    }
  }

  /** Waits for the end; the exit code. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }
}
