// What every benchmark has in common: the models, the prompts, and a note of the machine.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const require = createRequire(import.meta.url);
export const root = path.join(import.meta.dirname, "..");
const specdecpp = require("..");

const demo = path.join(root, "models", "demo");

/** Idle layers that make the embedded target cost about what a model of 100 M parameters costs. */
const idleLayers = 120;

/**
 * The target by name: "demo" as it is embedded, "deep" with idle layers (made once).
 * @param {"demo" | "deep"} name
 */
export async function targetFile(name) {
  const embedded = path.join(demo, "target.gguf");
  if (name === "demo") return embedded;
  const folder = path.join(root, "build", "demo");
  const file = path.join(folder, `target-${idleLayers}-idle-layers.gguf`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    await specdecpp.deepen(embedded, file, idleLayers);
  }
  return file;
}

export const draftFile = path.join(demo, "draft.gguf");

/**
 * Prompts in the embedded pair's chat form, which the pair was not trained on.
 * @param {"gsm8k" | "humaneval"} name
 * @param {number} count
 */
export function prompts(name, count) {
  return readFileSync(path.join(root, "test", "data", `${name}.jsonl`), "utf8")
    .trim()
    .split("\n")
    .slice(0, count)
    .map((line) => JSON.parse(line))
    .map((row) => `<|user|>${row.question ?? row.prompt}<|assistant|>`);
}

/** @param {{ target?: "demo" | "deep", draft?: boolean, threads?: number }} options */
export async function makeEngine({ target = "deep", draft = true, threads } = {}) {
  const withThreads = threads === undefined ? {} : { threads };
  return specdecpp.createEngine({
    target: { path: await targetFile(target), ...withThreads },
    ...(draft && { draft: { path: draftFile, ...withThreads } }),
  });
}

/** The machine and the versions, for the record. */
export function conditions() {
  return {
    processor: os.cpus()[0]?.model.trim(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.arch()} ${os.release()}`,
    node: process.version,
    version: require("../package.json").version,
  };
}
