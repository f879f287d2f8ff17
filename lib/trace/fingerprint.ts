// What identifies models, in traces and in calibrations, and the prompts of a trace.

import { createHash, type Hash } from "node:crypto";
import { open } from "node:fs/promises";
import { partPaths } from "../gguf-parts";
import type { Model } from "../model";
import { call } from "../native/call";

/** Headers of GGUF files are within this, vocabulary included; of the rest, samples are taken. */
const headBytes = 2 ** 24;
const samples = 64;
const sampleBytes = 2 ** 12;

/**
 * SHA-256 of a model file's size, its beginning (all that it says of itself) and samples of its
 * weights, of all parts: a moment's work for any size. Weights changed between the samples alone stay unseen.
 */
export async function modelFingerprint(path: string): Promise<string> {
  const hash = createHash("sha256");
  for (const part of partPaths(path)) await addFile(hash, part);
  return hash.digest("hex");
}

async function addFile(hash: Hash, path: string): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  hash.update(`${size}\n`);
  const add = async (length: number, at: number): Promise<void> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
    hash.update(buffer.subarray(0, bytesRead));
  };
  await add(Math.min(headBytes, size), 0);
  const span = Math.max(0, size - headBytes - sampleBytes);
  for (let i = 1; i <= samples && size > headBytes; ++i) {
    await add(sampleBytes, headBytes + Math.floor((span * i) / samples));
  }
}

/** SHA-256 of the text of every token. */
export function vocabularyFingerprint(model: Model): string {
  const hash = createHash("sha256");
  for (let token = 0; token < model.info.vocabularySize; ++token) {
    const piece = call(() => model.native.piece(token));
    hash.update(`${piece.length}:`).update(piece);
  }
  return hash.digest("hex");
}

export function promptsFingerprint(prompts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const prompt of prompts) hash.update(JSON.stringify(prompt)).update("\n");
  return hash.digest("hex");
}

/** 48 bits that the seed of a trace gives a prompt: whichever others are traced with it. */
export function promptSeed(seed: number, prompt: number): number {
  return parseInt(createHash("sha256").update(`${seed}:${prompt}`).digest("hex").slice(0, 12), 16);
}
