import { checkFunction, checkSignal, invalid, number, object } from "../checks";
import type { DownloadProgress } from "./download";

export interface ResolveModelOptions {
  /** Folder of downloaded models. Default: node-llama-cpp's, `.node-llama-cpp/models` in the user's home. */
  modelsDirectory?: string;
  /** Called while it is downloaded, some ten times a second. What it throws ends the download. */
  onDownloadProgress?: (progress: DownloadProgress) => void;
  /** Called, at most once, if another call or process is downloading it, which is waited for. */
  onWait?: () => void;
  /** Seconds without a byte after which a download has failed, 1…3600. Default 30. */
  stallSeconds?: number;
  /** Aborts the download; what has come is kept. */
  signal?: AbortSignal;
}

/** What callers of createEngine and the like may say of downloads. */
export type DownloadOptions = Pick<
  ResolveModelOptions,
  "modelsDirectory" | "onDownloadProgress" | "signal"
>;

export function checkDownloadOptions({
  modelsDirectory,
  onDownloadProgress,
  signal,
}: DownloadOptions): void {
  if (modelsDirectory !== undefined && (typeof modelsDirectory !== "string" || !modelsDirectory)) {
    throw invalid("modelsDirectory", "the path of a folder", modelsDirectory);
  }
  checkFunction("onDownloadProgress", onDownloadProgress);
  checkSignal(signal);
}

/** Checks all, and returns the stallSeconds. */
export function resolveStallSeconds(options: ResolveModelOptions): number {
  object("resolveModel's options", options, resolveModelKeys);
  checkDownloadOptions(options);
  checkFunction("onWait", options.onWait);
  return number("stallSeconds", options.stallSeconds, 30, 1, 3600);
}

const resolveModelKeys = [
  "modelsDirectory",
  "onDownloadProgress",
  "onWait",
  "stallSeconds",
  "signal",
] satisfies (keyof ResolveModelOptions)[];
