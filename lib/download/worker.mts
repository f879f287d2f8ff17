// The thread that downloads. node-llama-cpp's downloader works in a thread of its own, because its
// failures may come as rejections that nobody handles, which would end the process, and because it
// repeats a request 150 times, which only the end of its thread ends sooner.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { parentPort, workerData } from "node:worker_threads";
import { resolveModelFile } from "node-llama-cpp";
import { readGgufFile } from "../cli/gguf-file.mjs";
import { partPaths } from "../gguf-parts.js";
import {
  cancelMessage,
  type DownloadFailure,
  type DownloadMessage,
  type DownloadRequest,
  writeMessage,
} from "./messages.js";
import { orderWrites } from "./ordered-writes.mjs";

const { uri, directory, fileName } = workerData as DownloadRequest;
const cancellation = new AbortController();
const progressMillis = 100;

function tell(message: DownloadMessage): void {
  parentPort?.postMessage(message);
}

/** What went wrong last with a request. */
let trouble: DownloadFailure | undefined;
/** Files of the hub that were asked for, with the headers it was done with. */
const hubFiles = new Map<string, RequestInit["headers"]>();

const plainFetch = globalThis.fetch;

/** The downloader's requests, watched: it keeps to itself why it tries again. */
globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  try {
    const response = await plainFetch(input, init);
    if (!response.ok) meet({ kind: "status", status: response.status, url });
    else if (/\/resolve\/.*\.gguf/.test(url)) hubFiles.set(url, init?.headers);
    return response;
  } catch (error) {
    if (!cancellation.signal.aborted) meet({ kind: "network", reason: networkReason(error) });
    throw error;
  }
};

function meet(failure: DownloadFailure): void {
  trouble = failure;
  tell({ type: "trouble", failure });
}

function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } };
  const { code = "" } = cause ?? {};
  const text = cause?.message ?? "";
  return text.includes(code) ? text || message : text === "" ? code : `${text} (${code})`;
}

function failureOf(error: unknown): DownloadFailure {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return { kind: "disk", reason: message };
  return trouble ?? { kind: "other", reason: message };
}

function fail(error: unknown): void {
  tell(
    cancellation.signal.aborted
      ? { type: "cancelled" }
      : { type: "failed", failure: failureOf(error) },
  );
}

/** When it was last told how far it is; undefined: nothing had to be downloaded. */
let toldAt: number | undefined;

const place = { directory, ...(fileName !== undefined && { fileName }), cli: false };

/** The file if it is there, without a request. */
function find(): Promise<string | undefined> {
  return resolveModelFile(uri, { ...place, download: false }).catch(() => undefined);
}

async function download(): Promise<string> {
  return resolveModelFile(uri, {
    ...place,
    deleteTempFileOnCancel: false,
    signal: cancellation.signal,
    onProgress: ({ downloadedSize, totalSize }) => {
      const now = performance.now();
      if (toldAt !== undefined && now < toldAt + progressMillis && downloadedSize < totalSize)
        return;
      toldAt = now;
      tell({ type: "progress", downloadedBytes: downloadedSize, totalBytes: totalSize });
    },
  });
}

/** What is wrong with files that came in full; undefined if nothing is. */
async function damage(file: string): Promise<string | undefined> {
  try {
    const { missingBytes } = readGgufFile(file);
    if (missingBytes > 0) return `it lacks ${missingBytes} bytes`;
  } catch (error) {
    return (error as Error).message;
  }
  for (const [url, headers] of hubFiles) {
    const expected = await hubHash(url, headers);
    if (expected === undefined) continue;
    const part = /-(\d{5})-of-\d{5}\.gguf/.exec(url)?.[1] ?? "1";
    const actual = await sha256(partPaths(file)[Number(part) - 1] ?? file);
    if (actual !== expected) return `its SHA-256 is ${actual}, and should be ${expected}`;
  }
  return undefined;
}

/** The hub's SHA-256 of a file, which stands in the answer that leads to its store. */
async function hubHash(url: string, headers: RequestInit["headers"]): Promise<string | undefined> {
  const response = await plainFetch(url, {
    method: "HEAD",
    redirect: "manual",
    ...(headers && { headers }),
  });
  return /^"?([0-9a-f]{64})"?$/.exec(response.headers.get("x-linked-etag") ?? "")?.[1];
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest("hex");
}

/** Resolves when this thread may write, or was cancelled. */
function permission(): Promise<void> {
  return new Promise((resolve) => {
    parentPort?.on("message", (message) => {
      if (message === cancelMessage) cancellation.abort();
      if (message === cancelMessage || message === writeMessage) resolve();
    });
  });
}

async function run(): Promise<void> {
  const permitted = permission();
  const there = await find();
  if (there !== undefined) {
    tell({ type: "done", path: there });
    return;
  }
  tell({ type: "missing" });
  await permitted;
  const file = await download(); // another process may have done it meanwhile
  if (cancellation.signal.aborted) {
    tell({ type: "cancelled" }); // the downloader then resolves as if it had all
    return;
  }
  if (toldAt !== undefined) {
    tell({ type: "checking" });
    const reason = await damage(file);
    if (reason !== undefined) {
      for (const part of partPaths(file)) await rm(part, { force: true });
      tell({ type: "failed", failure: { kind: "damaged", reason } });
      return;
    }
  }
  tell({ type: "done", path: file });
}

process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);
await orderWrites();
await run().catch(fail);
