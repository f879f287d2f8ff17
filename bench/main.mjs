// Stop rules beside each other: plain decoding, fixed lengths, and every other rule at its defaults, on
// several sets of prompts, prices of the target, and temperatures. Usage:
// npm run bench [-- --quick --rules none,fixed:4,expected --sets gsm8k --ratios 1:10 --temperatures 0
//   --prompts FILE --head FILE --draft random --cold --turns --repetitions N --limit N --out FILE --report]

import { createRequire } from "node:module";
import { cellsOf, flag, parseGrid, string } from "./options.mjs";
import { measurePrices } from "./prices.mjs";
import { readTrials, Record } from "./record.mjs";
import { choosePrompts } from "./setting.mjs";
import { printTable } from "./table.mjs";
import { firstOf, runCells, runTrial, runTurns, summarize } from "./trials.mjs";

const { policyKinds } = createRequire(import.meta.url)("../dist/policy/policies.js");

const options = parseGrid("Stop rules beside each other.", "rules", {
  rules: { ...string, defaultDescription: "all", describe: "Stop rules, with commas between them" },
  head: { ...string, describe: "Also run the rules that use a head with this one" },
  draft: {
    ...string,
    choices: /** @type {const} */ (["demo", "random"]),
    default: "demo",
    describe: "The embedded draft, or one of its shape with random weights",
  },
  turns: {
    ...flag,
    describe: "All rules in one process, by turns at each prompt, with an engine each",
  },
  cold: { ...flag, describe: "Rules meet the pair for the first time in what is measured" },
  report: { ...flag, describe: "Only print the tables of what has been measured" },
});
const { draft, turns, cold } = options;

const plain = "none";
const fixedLengths = Array.from({ length: 12 }, (_, i) => `fixed:${i + 1}`);

/** All rules there are, with their defaults. */
function allRules() {
  const names = policyKinds.map((/** @type {{ name: string }} */ { name }) => name);
  const adaptive = names.filter((/** @type {string} */ name) => !["none", "fixed"].includes(name));
  return [plain, ...fixedLengths, ...adaptive];
}

const quickRules = [plain, "fixed:2", "fixed:4", "expected"];
const rules = options.rules?.split(",") ?? (options.quick ? quickRules : allRules());
if (!rules.includes(plain)) rules.unshift(plain);
/** Rules that cannot do without a head, and those that can. */
const needsHead = (/** @type {string} */ name) =>
  policyKinds.find((/** @type {any} */ kind) => kind.name === name)?.needsHead === true;
const mayUseHead = (/** @type {string} */ name) => name === "throughput" || needsHead(name);

const settings = rules.flatMap((/** @type {string} */ stopRule) => {
  const [name = ""] = stopRule.split(":");
  const without = { name: stopRule, options: { stopRule } };
  const head = options.head;
  if (!mayUseHead(name)) return [without];
  const using =
    head === undefined
      ? []
      : [{ name: needsHead(name) ? stopRule : `${stopRule} + head`, options: { stopRule, head } }];
  return [...(needsHead(name) ? [] : [without]), ...using];
});

const cells = cellsOf(options).map((cell) => ({
  ...cell,
  draft,
  cold,
  // What shares a process, so that others are not compared with them.
  turns: turns ? settings.map(({ name }) => name).join() : "",
}));

/** @param {(typeof cells)[0]} cell */
async function runnerOf({ set, ratio, temperature, limit, maxTokens, threads }) {
  const { measured, warmup } = await choosePrompts(set, limit, maxTokens);
  const tokens = (/** @type {typeof measured} */ prompts) => prompts.map((prompt) => prompt.tokens);
  const settingOf = (
    /** @type {(typeof settings)[0]} */ { options: { stopRule, head } },
    /** @type {number} */ seed,
  ) => {
    const generation = { temperature, maxTokens, stopRule };
    // A cold rule has not seen the pair before it is measured: what it learns and tries out is counted.
    const warming = cold ? { ...generation, stopRule: plain } : generation;
    return {
      engine: { target: ratio, draft, head, threads },
      warmup: { prompts: tokens(warmup), options: warming },
      options: generation,
      seed,
    };
  };
  /** @type {Map<number, ReturnType<typeof runTurns>>} what a repetition came to, by its seed */
  const together = new Map();
  return (/** @type {(typeof settings)[0]} */ setting, /** @type {number} */ seed) => {
    if (!turns) return runTrial(tokens(measured), settingOf(setting, seed));
    const trials =
      together.get(seed) ??
      runTurns(
        tokens(measured),
        settings.map((one) => settingOf(one, seed)),
      );
    together.set(seed, trials);
    return firstOf([trials[settings.indexOf(setting)]]);
  };
}

if (!options.report) {
  const record = new Record(options.out);
  const planned = [];
  for (const cell of cells) planned.push({ cell, settings, run: await runnerOf(cell) });
  await measurePrices(record, options.ratios, {
    draft,
    threads: options.threads,
    quick: options.quick,
  });
  runCells(planned, options.repetitions, record);
}

for (const cell of cells) {
  const trials = readTrials(options.out).filter(
    (trial) => JSON.stringify(trial.cell) === JSON.stringify(cell),
  );
  const names = settings.map(({ name }) => name);
  const speeds = summarize(names, trials, {});
  const fixed = speeds.filter(({ name }) => name.startsWith("fixed:"));
  fixed.sort((a, b) => b.tokensPerSecond.value - a.tokensPerSecond.value);
  const [best] = fixed;
  const baselines = { "over plain": plain, ...(best && { [`over ${best.name}`]: best.name }) };
  printTable(cell, summarize(names, trials, baselines), Object.keys(baselines));
}
if (options.head === undefined) console.log("\nWithout --head FILE no rule used a head.");
console.log(
  "\nRatios are medians over the repetitions, with 95 % bootstrap intervals over repetitions and prompts. The fixed length compared with is the best in hindsight.",
);
