// What every benchmark has in common: the models, the prompts, and a note of the machine.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { writeRandomModel } from "../scripts/random-model.mjs";

const require = createRequire(import.meta.url);
export const root = path.join(import.meta.dirname, "..");
const specdecpp = require("..");

const demo = path.join(root, "models", "demo");
const made = path.join(root, "build", "demo");

/**
 * Targets by name: the embedded one with idle layers, which add nothing to its output and cost what
 * layers cost. "demo" is as it is embedded, "deep" costs about what a model of 100 M parameters costs.
 * The others are in Q8_0, as most models that are run: a plain pass costs about 7, 10 and 40 draft steps.
 * Chosen by these prices alone, before anything was measured with them.
 */
const targets = {
  demo: { idleLayers: 0 },
  deep: { idleLayers: 120 },
  own: { idleLayers: 0, type: "q8_0" },
  "1:10": { idleLayers: 4, type: "q8_0" },
  "1:40": { idleLayers: 40, type: "q8_0" },
};

/** @typedef {keyof typeof targets} TargetName */

/** The targets that `npm run bench` and its like know, cheapest first. */
export const ratios = /** @type {TargetName[]} */ (["own", "1:10", "1:40"]);

/**
 * Whether a file is there, and not made of an older one.
 * @param {string} file
 * @param {string} source
 */
function isMade(file, source) {
  return existsSync(file) && statSync(file).mtimeMs >= statSync(source).mtimeMs;
}

/** @param {TargetName} name is made unless it is there */
export async function targetFile(name) {
  const { idleLayers, type } = { type: "f16", ...targets[name] };
  let file = path.join(demo, "target.gguf");
  mkdirSync(made, { recursive: true });
  if (idleLayers > 0) {
    const deep = path.join(made, `target-${idleLayers}-idle-layers.gguf`);
    if (!isMade(deep, file)) await specdecpp.deepen(file, deep, idleLayers);
    file = deep;
  }
  if (type === "f16") return file;
  const quantized = path.join(made, `target-${idleLayers}-idle-layers-${type}.gguf`);
  if (!isMade(quantized, file)) await specdecpp.quantize(file, quantized, type);
  return quantized;
}

export const draftFile = path.join(demo, "draft.gguf");

/**
 * The embedded draft, or one of its shape with random weights, which is of no use.
 * @param {"demo" | "random"} name
 */
export function draftFileOf(name) {
  if (name === "demo") return draftFile;
  const file = path.join(made, "draft-random.gguf");
  mkdirSync(made, { recursive: true });
  if (!isMade(file, draftFile)) {
    writeRandomModel({ like: draftFile, out: file, layers: 2, width: 128, type: "q8_0", seed: 1 });
  }
  return file;
}

/**
 * Prompts in the embedded pair's chat form, which the pair was not trained on.
 * @param {string} set "gsm8k", "humaneval", or a file of JSON lines with a "question", "prompt" or "instruction"
 * @param {number} [count]
 */
export function prompts(set, count) {
  const file = set.endsWith(".jsonl") ? set : path.join(root, "test", "data", `${set}.jsonl`);
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .slice(0, count)
    .map((line) => JSON.parse(line))
    .map((row) => `<|user|>${row.question ?? row.prompt ?? row.instruction}<|assistant|>`);
}

/** What the embedded pair was trained on at once: behind that its text is an artefact. */
const window = 256;

/** Prompts of a warm-up. */
const warmupCount = 3;

/**
 * The first `count` prompts of a set that leave room for `maxTokens` in the pair's window, and some more
 * for warming up, as text and as ids of tokens.
 * @param {string} set
 * @param {number} count
 * @param {number} maxTokens
 */
export async function choosePrompts(set, count, maxTokens) {
  const engine = await specdecpp.createEngine({ target: { path: draftFile, threads: 1 } });
  const fitting = prompts(set)
    .map((text) => ({
      text,
      tokens: Array.from(/** @type {Int32Array} */ (engine.tokenize(text))),
    }))
    .filter(({ tokens }) => tokens.length + maxTokens <= window);
  await engine.dispose();
  if (fitting.length < count + warmupCount) {
    throw new Error(
      `${set} has ${fitting.length} prompts that leave room for ${maxTokens} tokens; --limit can be ${fitting.length - warmupCount} at most.`,
    );
  }
  return { measured: fitting.slice(0, count), warmup: fitting.slice(-warmupCount) };
}

/**
 * @typedef {{ target?: TargetName, draft?: "demo" | "random" | false, head?: string | undefined, threads?: number }} EngineSetting
 * head: a file of an acceptance head
 */

/** @param {EngineSetting} setting */
export async function makeEngine({ target = "deep", draft = "demo", head, threads } = {}) {
  const withThreads = threads === undefined ? {} : { threads };
  return specdecpp.createEngine({
    target: { path: await targetFile(target), ...withThreads },
    ...(draft && { draft: { path: draftFileOf(draft), ...withThreads } }),
    // The targets here are not the file that a head was trained for, but they are the same model.
    ...(head !== undefined && { head, forceHead: true }),
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
    llamaCpp: JSON.parse(
      readFileSync(path.join(root, "build", "Release", "build-info.json"), "utf8"),
    ).release,
    ...commit(),
  };
}

/** The commit, and whether files differ from it; neither outside of a checkout. */
function commit() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return { commit: git("rev-parse", "HEAD"), changed: git("status", "--porcelain") !== "" };
  } catch {
    return {};
  }
}
