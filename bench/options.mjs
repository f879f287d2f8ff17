// The options of every benchmark, and those that `npm run bench` and `npm run bench:peers` have in common.

import path from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { ratios, root } from "./setting.mjs";

/** Kinds of options. */
export const string = /** @type {const} */ ({ string: true, requiresArg: true });
export const number = /** @type {const} */ ({ number: true, requiresArg: true });
export const flag = /** @type {const} */ ({ boolean: true, default: false });

/**
 * Ends the process, as the command line does after wrong usage.
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  console.error(`${message} --help lists the options.`);
  process.exit(2);
}

/**
 * What was given of the options; --help tells of them.
 * @template {Record<string, import("yargs").Options>} O
 * @param {string} summary what the benchmark measures
 * @param {O} options
 */
export function parseOptions(summary, options) {
  const values = yargs(hideBin(process.argv))
    .locale("en")
    .parserConfiguration({ "greedy-arrays": false })
    .scriptName(path.relative("", String(process.argv[1])))
    .usage(`node $0 [options]\n\n${summary}`)
    .options(options)
    .strict()
    .demandCommand(0, 0)
    .version(false)
    .fail((message, error) => refuse(`${message ?? error.message}.`))
    .parseSync();
  // What yargs lets pass.
  for (const [name, { array }] of Object.entries(options)) {
    if (Array.isArray(values[name]) && !array) refuse(`--${name} is given twice.`);
    if (Number.isNaN(values[name])) refuse(`--${name} must be a number.`);
  }
  return values;
}

/** @param {string} name of a file in build/bench */
export const resultFile = (name) => path.join(root, "build", "bench", name);

const list = (/** @type {string} */ given) => given.split(",");

/**
 * The same of a benchmark that runs on a grid of sets, targets and temperatures.
 * @template {Record<string, import("yargs").Options>} More
 * @param {string} summary
 * @param {string} name of the file that results go to, if --out does not say
 * @param {More} more further options
 */
export function parseGrid(summary, name, more) {
  const { sets, prompts, quick, ...rest } = parseOptions(summary, {
    sets: { ...string, default: "gsm8k,humaneval", describe: "Sets of prompts" },
    prompts: {
      ...string,
      describe: "One more: a file of JSON lines with a question, prompt or instruction",
    },
    ratios: {
      ...string,
      default: ratios.join(","),
      describe: "Targets, by how many draft steps a plain pass costs",
    },
    temperatures: { ...string, default: "0,1", describe: "Temperatures" },
    repetitions: { ...number, default: 5, describe: "Runs of each setting" },
    limit: { ...number, default: 20, describe: "Prompts in each" },
    "max-tokens": { ...number, default: 100, describe: "Tokens of each prompt" },
    threads: { ...number, default: 1, describe: "Threads of each model" },
    out: {
      ...string,
      default: resultFile(`${name}.jsonl`),
      describe: "Where results are appended",
    },
    quick: { ...flag, describe: "Little of all, to see that it works" },
    ...more,
  });
  const given = {
    ...rest,
    ...(quick && { ratios: "1:10", repetitions: 2, limit: 3, maxTokens: 40 }),
  };
  const targets = list(given.ratios);
  const unknown = targets.find((ratio) => !(/** @type {string[]} */ (ratios).includes(ratio)));
  if (unknown !== undefined) refuse(`--ratios are ${ratios.join(", ")}, but one is ${unknown}.`);
  return {
    ...given,
    quick,
    sets: [
      ...list(quick ? "gsm8k" : sets),
      ...(prompts === undefined ? [] : [path.resolve(prompts)]),
    ],
    ratios: /** @type {import("./setting.mjs").TargetName[]} */ (targets),
    temperatures: list(given.temperatures).map(Number),
  };
}

/**
 * Every combination of set, target and temperature.
 * @param {{ sets: string[], ratios: import("./setting.mjs").TargetName[], temperatures: number[], limit: number, maxTokens: number, threads: number }} options
 */
export function cellsOf({ sets, ratios: targets, temperatures, limit, maxTokens, threads }) {
  return sets.flatMap((set) =>
    targets.flatMap((ratio) =>
      temperatures.map((temperature) => ({ set, ratio, temperature, limit, maxTokens, threads })),
    ),
  );
}
