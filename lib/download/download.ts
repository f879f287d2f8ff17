import { statfs } from "node:fs/promises";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { abortError } from "../abort";
import { SpecdecError } from "../errors";
import { takeLock } from "../lock";
import {
  cancelMessage,
  type DownloadFailure,
  type DownloadMessage,
  type DownloadRequest,
  writeMessage,
} from "./messages";

/** Compiled: the thread is an ES module, as node-llama-cpp is. */
const workerFile = path.join(__dirname, "..", "..", "dist", "download", "worker.mjs");

/** How long the thread has to end by itself, so that what has come is on the disk. */
const cancelMillis = 2000;

/** Long, as the lock is kept by the program that the library is part of, whose event loop may be busy. */
const staleMillis = 15_000;

/** How far a download is. */
export interface DownloadProgress {
  /** What was asked for. */
  uri: string;
  /** Of all parts. */
  downloadedBytes: number;
  totalBytes: number;
}

export interface DownloadSettings {
  /** Of the lock that keeps other processes from the same files. */
  lockName: string;
  onProgress: ((progress: DownloadProgress) => void) | undefined;
  onWait: (() => void) | undefined;
  stallSeconds: number;
  signal: AbortSignal;
}

/** Downloads what is not there yet; resolves to the path of the file, of a split model that of its first part. */
export function download(request: DownloadRequest, settings: DownloadSettings): Promise<string> {
  return new Download(request, settings).run();
}

class Download {
  readonly #worker: Worker;
  #trouble: DownloadFailure | undefined;
  #downloadedBytes = 0;
  /** Whether a byte has come: a server that was there may come back. */
  #reached = false;
  #stalled: NodeJS.Timeout | undefined;
  #lock: Promise<() => Promise<void>> | undefined;
  readonly #end = new AbortController();

  constructor(
    private readonly request: DownloadRequest,
    private readonly settings: DownloadSettings,
  ) {
    this.#worker = new Worker(workerFile, {
      workerData: request,
      env: process.env,
      // The downloader's notices are not for our streams.
      stdout: true,
      stderr: true,
    });
  }

  async run(): Promise<string> {
    const { signal } = this.settings;
    let grace: NodeJS.Timeout | undefined;
    let cancel: (() => void) | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        const aborted = (): void => {
          reject(abortError(signal));
        };
        cancel = () => {
          this.#worker.postMessage(cancelMessage);
          grace = setTimeout(aborted, cancelMillis);
        };
        signal.addEventListener("abort", cancel);
        this.#worker.on("message", (message: DownloadMessage) => {
          if (message.type === "done") resolve(message.path);
          else if (message.type === "cancelled") aborted();
          else this.#receive(message, reject);
        });
        this.#worker.on("error", (cause) => {
          reject(this.#error({ kind: "other", reason: cause.message }, cause));
        });
        this.#worker.on("exit", () => {
          reject(this.#error(this.#trouble ?? { kind: "other", reason: "its thread ended" }));
        });
      });
    } finally {
      clearTimeout(this.#stalled);
      clearTimeout(grace);
      if (cancel) signal.removeEventListener("abort", cancel);
      this.#end.abort();
      await this.#worker.terminate();
      // Only now does nobody here write any more.
      const release = await this.#lock?.catch(() => undefined);
      await release?.().catch(() => undefined); // it was lost, or its folder is gone
    }
  }

  /** Lets the thread write as soon as no other process does. */
  async #write(reject: (error: unknown) => void): Promise<void> {
    const { lockName, onWait, signal } = this.settings;
    try {
      this.#lock = takeLock(path.join(this.request.directory, `${lockName}.lock`), {
        staleMillis,
        signal: AbortSignal.any([signal, this.#end.signal]),
        onWait,
        onLost: () => {
          reject(this.#error({ kind: "lost" }));
        },
      });
      await this.#lock;
    } catch (error) {
      const { syscall, message } = error as NodeJS.ErrnoException;
      reject(syscall === undefined ? error : this.#error({ kind: "disk", reason: message }, error));
      return;
    }
    if (this.#end.signal.aborted) return; // ended meanwhile
    this.#worker.postMessage(writeMessage);
    this.#expectBytes(reject);
  }

  #receive(message: DownloadMessage, reject: (error: unknown) => void): void {
    switch (message.type) {
      case "progress": {
        const { downloadedBytes, totalBytes } = message;
        if (downloadedBytes > this.#downloadedBytes) this.#expectBytes(reject);
        this.#downloadedBytes = downloadedBytes;
        try {
          this.settings.onProgress?.({ uri: this.request.uri, downloadedBytes, totalBytes });
        } catch (error) {
          reject(error);
        }
        this.#checkSpace(totalBytes - downloadedBytes).catch(reject);
        break;
      }
      case "trouble":
        this.#trouble = message.failure;
        // Who cannot even be reached at first will hardly be in half a minute.
        if (message.failure.kind === "network" && !this.#reached) {
          reject(this.#error(message.failure));
        }
        break;
      case "missing":
        void this.#write(reject);
        break;
      case "checking":
        clearTimeout(this.#stalled);
        break;
      case "failed":
        reject(this.#error(message.failure));
        break;
    }
  }

  /** Fails when no byte comes for so long. */
  #expectBytes(reject: (error: unknown) => void): void {
    const { stallSeconds } = this.settings;
    clearTimeout(this.#stalled);
    this.#stalled = setTimeout(() => {
      const silence = { kind: "network", reason: `no byte came for ${stallSeconds} s` } as const;
      reject(this.#error(this.#trouble ?? silence));
    }, stallSeconds * 1000);
  }

  /** Once, as soon as the size is known: a disk that will be full is told of before hours have passed. */
  async #checkSpace(missingBytes: number): Promise<void> {
    if (this.#reached) return;
    this.#reached = true;
    const { bavail, bsize } = await statfs(this.request.directory);
    const free = bavail * bsize;
    if (missingBytes > free) {
      const reason = `${missingBytes} bytes are to come, and ${free} are free in ${this.request.directory}`;
      throw this.#error({ kind: "disk", reason });
    }
  }

  #error(failure: DownloadFailure, cause?: unknown): SpecdecError {
    const { what, remedy } = explain(failure);
    return new SpecdecError(
      "ERR_DOWNLOAD_FAILED",
      `Cannot download ${this.request.uri}: ${what}. ${remedy}`,
      { cause },
    );
  }
}

const keptRemedy = "What has come is kept, and the next attempt goes on from there.";

function explain(failure: DownloadFailure): { what: string; remedy: string } {
  switch (failure.kind) {
    case "status":
      return {
        what: `the server answers ${failure.status} for ${failure.url}`,
        remedy: remedyOf(failure.status),
      };
    case "network":
      return { what: failure.reason, remedy: `Check the address and the network. ${keptRemedy}` };
    case "disk":
      return {
        what: failure.reason,
        remedy: `See to the space and the permissions, or name another folder (modelsDirectory). ${keptRemedy}`,
      };
    case "lost":
      return {
        what: "another process has begun to download it, as this one gave no sign of life for long",
        remedy: "Call it again: it waits for the other. Do not block the event loop meanwhile.",
      };
    case "damaged":
      return {
        what: `what came is not the whole model: ${failure.reason}`,
        remedy: "It has been deleted; try again, or check the address.",
      };
    default:
      return { what: failure.reason, remedy: "Check the address, and try again." };
  }
}

function remedyOf(status: number): string {
  if (status === 401 || status === 403) {
    return "It is private or gated, or there is no such model: accept its terms on the hub, and give a token of yours as HF_TOKEN.";
  }
  if (status === 429 || status >= 500) return `Try again later. ${keptRemedy}`;
  return "Check the names of the model, the quantization and the file.";
}
