// What stands for a model that is not a file here: hf:user/repo:quant, hf:user/repo/file.gguf, https://….

import { createHash } from "node:crypto";
import { homedir } from "node:os";
import path from "node:path";
import { SpecdecError } from "../errors";

/** Whether a text names a model to be downloaded; else it is a path. */
export function isModelUri(text: string): boolean {
  return /^(hf:|huggingface:|https?:\/\/)/.test(text);
}

/** Throws ERR_INVALID_ARGUMENT for what cannot name a model. */
export function checkModelUri(uri: string): void {
  const hub = /^(hf|huggingface):/.test(uri);
  if (hub ? /^\w+:(\/\/)?[^/:]+\/[^/]+/.test(uri) : URL.canParse(uri)) return;
  throw new SpecdecError(
    "ERR_INVALID_ARGUMENT",
    `${JSON.stringify(uri)} names no model. Give hf:user/repo:quant, hf:user/repo/file.gguf, or the https address of a GGUF file.`,
  );
}

/** node-llama-cpp's folder, so that what it has downloaded is not downloaded again. */
export function defaultModelsDirectory(): string {
  return path.join(homedir(), ".node-llama-cpp", "models");
}

/**
 * The name that the file of an address is kept under: with its host and folders, so that files of one
 * name from two places are two. None for the hub's URIs, which node-llama-cpp names in the same way.
 */
export function fileNameOf(uri: string): string | undefined {
  if (!/^https?:/.test(uri)) return undefined;
  const { host, pathname, search } = new URL(uri);
  if (!/\.gguf$/i.test(pathname)) return undefined;
  const place = decoded(`${host}${pathname}`);
  const query = search === "" || search === "?download=true" ? "" : `${shortHash(search)}_`;
  return asFileName(`${query}${place}`);
}

/** As it is where it is not UTF-8. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function asFileName(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, "_");
}

/**
 * The name for what cannot be downloaded twice at the same time: a file, or a repository of the hub,
 * whose URIs name one file in several ways.
 */
export function lockNameOf(uri: string): string {
  const repository = /^\w+:(?:\/\/)?([^/:#]+\/[^/:#]+)/.exec(uri)?.[1];
  return fileNameOf(uri) ?? asFileName(`hf_${repository ?? uri}`);
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
