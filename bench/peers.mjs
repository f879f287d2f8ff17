// Beside the peers: node-llama-cpp, plain and with its draft predictor, and llama.cpp's
// llama-speculative-simple, each over a grid of its options, and the best of each against specdecpp at
// its default. Usage: npm run bench:peers [-- --quick --sets gsm8k --ratios 1:10 --temperatures 0 --head FILE …]

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { prebuiltLibraries } from "../scripts/build/llama-cpp.mjs";
import { cellsOf, parseGrid, string } from "./options.mjs";
import { buildLlamaSpeculative, runLlamaSpeculative } from "./peers/llama-cpp.mjs";
import { describeTexts, referenceTexts } from "./peers/texts.mjs";
import { readTrials, Record } from "./record.mjs";
import { choosePrompts, draftFile, root, targetFile } from "./setting.mjs";
import { printTable } from "./table.mjs";
import { firstOf, runCells, runProcess, runTrial, summarize } from "./trials.mjs";

const specdecpp = createRequire(import.meta.url)("..");
const contextSize = 512;

/**
 * node-llama-cpp's predictor at times waits for ever for its own draft, where passes are short: then nothing
 * keeps the process, which ends. It runs again.
 */
const triesOfPredictor = 20;

/** How many settings of each peer's grid go into the comparison. */
const finalists = 3;

const options = parseGrid("specdecpp beside its peers.", "peers", {
  rules: {
    ...string,
    default: "",
    describe: "More of specdecpp's rules, with commas between them",
  },
  head: { ...string, describe: "Also specdecpp with this head" },
});

/**
 * @typedef {{ name: string, system: "specdecpp" | "node-llama-cpp" | "llama.cpp", options: any }} Setting
 */

/** @param {number} temperature @returns {Setting[]} */
function nodeLlamaCppGrid(temperature) {
  const lengths = [
    [0, 4],
    [0, 8],
    [0, 16], // the defaults, with confidence 0.6
    [2, 4],
    [2, 8],
    [4, 4],
    [4, 8],
    [8, 8],
  ].slice(options.quick ? 2 : 0, options.quick ? 4 : undefined);
  const draftTemperatures = [...new Set([0, temperature])];
  const confidences = options.quick ? [0.6] : [0, 0.4, 0.6, 0.8];
  return lengths.flatMap(([minTokens, maxTokens]) =>
    confidences.flatMap((minConfidence) =>
      draftTemperatures.map((draftTemperature) => ({
        name: `node-llama-cpp, ${minTokens}…${maxTokens}, p ≥ ${minConfidence}, draft at T=${draftTemperature}`,
        system: /** @type {const} */ ("node-llama-cpp"),
        options: { predictor: { minTokens, maxTokens, minConfidence, draftTemperature } },
      })),
    ),
  );
}

/** @returns {Setting[]} */
function llamaCppGrid() {
  const lengths = options.quick ? [3, 8] : [1, 2, 3, 4, 6, 8, 12, 16];
  const confidences = options.quick ? [0] : [0, 0.3, 0.5, 0.7, 0.9];
  return lengths.flatMap((nMax) =>
    confidences.map((pMin) => ({
      name: `llama.cpp, n_max ${nMax}, p_min ${pMin}`,
      system: /** @type {const} */ ("llama.cpp"),
      options: { nMax, pMin },
    })),
  );
}

/** @type {Setting} */
const plain = { name: "specdecpp, plain", system: "specdecpp", options: { stopRule: "none" } };
/** @type {Setting} */
const ours = { name: "specdecpp, default", system: "specdecpp", options: {} };
/** @type {Setting[]} */
const withHead =
  options.head === undefined
    ? []
    : [{ name: "specdecpp, default + head", system: "specdecpp", options: { head: options.head } }];
/** @type {Setting[]} */
const others = options.rules
  .split(",")
  .filter((rule) => rule !== "")
  .map((rule) => ({
    name: `specdecpp, ${rule}`,
    system: "specdecpp",
    options: { stopRule: rule },
  }));
/** @type {Setting} */
const theirPlain = { name: "node-llama-cpp, plain", system: "node-llama-cpp", options: {} };

/**
 * How a setting runs on a cell's models and prompts.
 * @param {ReturnType<typeof cellsOf>[0]} cell
 */
async function runnerOf({ set, ratio, temperature, limit, maxTokens, threads }) {
  const { measured, warmup } = await choosePrompts(set, limit, maxTokens);
  const target = await targetFile(ratio);
  const common = { target, draft: draftFile, threads, contextSize, maxTokens, temperature };
  const tokenizer = await specdecpp.createEngine({ target: { path: draftFile, threads: 1 } });
  const tokensOf = (/** @type {typeof measured} */ prompts) => prompts.map(({ tokens }) => tokens);
  return (/** @type {Setting} */ setting, /** @type {number} */ seed) => {
    if (setting.system === "specdecpp") {
      const { head, ...chosen } = setting.options;
      const generation = { temperature, maxTokens, ...chosen };
      return runTrial(tokensOf(measured), {
        engine: { target: ratio, threads, head },
        warmup: { prompts: tokensOf(warmup), options: generation },
        options: generation,
        seed,
        withText: temperature === 0,
      });
    }
    if (setting.system === "node-llama-cpp") {
      return firstOf(
        runProcess(
          "peers/node-llama-cpp.mjs",
          {
            ...common,
            options: setting.options,
            prompts: tokensOf(measured),
            warmup: tokensOf(warmup),
            seed,
          },
          triesOfPredictor,
        ),
      );
    }
    const samples = measured.map(({ text, tokens }, prompt) => {
      const count = (/** @type {string} */ reply) =>
        tokenizer.tokenize(text + reply.replace(/^ /, "")).length - tokens.length;
      return {
        prompt,
        ...runLlamaSpeculative(common, setting.options, text, seed + prompt, count),
      };
    });
    return { samples };
  };
}

/** Whether the peers have the very files that the addon was built with. */
function libraryHashes() {
  const hashes = (/** @type {string} */ folder) =>
    Object.fromEntries(
      readdirSync(folder)
        .filter((name) => /^lib(llama\.|ggml).*\.(so|dylib|metal)$/.test(name))
        .map((name) => [
          name,
          createHash("sha256")
            .update(readFileSync(path.join(folder, name)))
            .digest("hex"),
        ]),
    );
  const theirs = hashes(prebuiltLibraries());
  if (JSON.stringify(theirs) !== JSON.stringify(hashes(path.join(root, "build", "Release")))) {
    throw new Error(
      "the addon's libraries are not those of the platform package: run npm run build:native",
    );
  }
  return theirs;
}

const libraries = libraryHashes();
buildLlamaSpeculative();
const record = new Record(options.out, { libraries });

const cells = cellsOf(options);
const runners = [];
for (const cell of cells) runners.push(await runnerOf(cell));

const grid = (/** @type {(typeof cells)[0]} */ cell) => ({ ...cell, stage: "grid" });
runCells(
  cells.map((cell, i) => ({
    cell: grid(cell),
    settings: [...nodeLlamaCppGrid(cell.temperature), ...llamaCppGrid()],
    run: /** @type {any} */ (runners[i]),
  })),
  1,
  record,
);

const trialsOf = (/** @type {object} */ cell) =>
  readTrials(options.out).filter((trial) => JSON.stringify(trial.cell) === JSON.stringify(cell));

/** @param {Setting[]} settings @param {(typeof cells)[0]} cell */
function best(settings, cell) {
  const speeds = summarize(
    settings.map(({ name }) => name),
    trialsOf(grid(cell)),
    {},
  );
  const fastest = speeds.sort((a, b) => b.tokensPerSecond.value - a.tokensPerSecond.value);
  const names = fastest.slice(0, finalists).map(({ name }) => name);
  return settings.filter(({ name }) => names.includes(name));
}

const finals = cells.map((cell, i) => ({
  cell: { ...cell, stage: "final" },
  settings: [
    plain,
    theirPlain,
    ours,
    ...withHead,
    ...others,
    ...best(nodeLlamaCppGrid(cell.temperature), cell),
    ...best(llamaCppGrid(), cell),
  ],
  run: /** @type {any} */ (runners[i]),
}));
runCells(finals, options.repetitions, record);

for (const { cell, settings } of finals) {
  const trials = trialsOf(cell);
  const rows = summarize(
    settings.map(({ name }) => name),
    trials,
    { "over plain": plain.name, "specdecpp over it": ours.name },
  );
  for (const row of rows) {
    const { value, low, high } = row["specdecpp over it"];
    row["specdecpp over it"] = { value: 1 / value, low: 1 / high, high: 1 / low };
  }
  printTable(cell, rows, ["over plain", "specdecpp over it"]);
  if (cell.temperature === 0) {
    const all = [...trialsOf({ ...cell, stage: "grid" }), ...trials];
    console.log(`\n${await describeTexts(all, await referenceTexts(cell, contextSize))}`);
  }
}
process.exit();
