// Runs trials in turn, so that a drift of the machine's speed hits all alike.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { root } from "./setting.mjs";
import { interval } from "./statistics.mjs";

const { compareSpeeds } = createRequire(import.meta.url)("../dist/bench/speeds.js");

/**
 * @typedef {import("./record.mjs").Sample} Sample
 * @typedef {import("./record.mjs").Trial} Trial
 * @typedef {string | readonly number[]} Prompt
 * @typedef {{ engine: import("./setting.mjs").EngineSetting, options: object, warmup: { prompts: readonly Prompt[], options: object }, seed?: number, withText?: boolean }} TrialSetting
 *   seed: of the first prompt; the others count on. warmup: pages come in, frequencies go up, and rules that adapt get to know the pair
 */

/**
 * Runs trials in a process of their own, which meets no calibration of the user's.
 * @param {string} script
 * @param {object} setting what the script reads from stdin
 * @param {number} [tries] how often it may end without a result before that is an error
 * @returns {{ samples: Sample[] }[]} what it prints, trial by trial
 */
export function runProcess(script, setting, tries = 1) {
  const child = spawnSync(process.execPath, [path.join(import.meta.dirname, script)], {
    input: JSON.stringify(setting),
    encoding: "utf8",
    stdio: ["pipe", "pipe", "inherit"],
    maxBuffer: 1 << 28,
    env: { ...process.env, XDG_CACHE_HOME: emptyCache, LOCALAPPDATA: emptyCache, HOME: emptyCache },
  });
  if (child.status !== 0) throw new Error(`the trial ${script} failed: ${JSON.stringify(setting)}`);
  if (child.stdout === "") {
    if (tries > 1) return runProcess(script, setting, tries - 1);
    throw new Error(`the trial ${script} ended without a result: ${JSON.stringify(setting)}`);
  }
  return JSON.parse(child.stdout);
}

const emptyCache = path.join(root, "build", "bench", "no-calibrations");

/**
 * Trials by turns, prompt by prompt, in one process: what differs between processes, such as where their
 * models lie in memory, does not come between them.
 * @param {readonly Prompt[]} prompts
 * @param {TrialSetting[]} settings
 */
export function runTurns(prompts, settings) {
  return runProcess("trial.mjs", { prompts, settings });
}

/** @param {readonly Prompt[]} prompts @param {TrialSetting} setting */
export function runTrial(prompts, setting) {
  return firstOf(runTurns(prompts, [setting]));
}

/** @param {readonly ({ samples: Sample[] } | undefined)[]} trials */
export function firstOf([trial]) {
  if (trial === undefined) throw new Error("a process without a trial");
  return trial;
}

/**
 * Every trial of every cell `repetitions` times. The trials of a cell are compared with each other: they
 * run one after the other, in a random order that differs from repetition to repetition.
 * @template {{ name: string, options: object }} Setting
 * @param {{ cell: object, settings: Setting[], run: (setting: Setting, seed: number) => { samples: Sample[] } }[]} cells run: with a seed of the repetition's
 * @param {number} repetitions
 * @param {import("./record.mjs").Record} record has what was run before, and gets what is run now
 */
export function runCells(cells, repetitions, record) {
  const total = repetitions * cells.reduce((sum, { settings }) => sum + settings.length, 0);
  const start = performance.now();
  let done = 0;
  let ran = 0;
  for (let repetition = 0; repetition < repetitions; ++repetition) {
    for (const { cell, settings, run } of cells) {
      for (const setting of shuffled(settings, 1 + repetition)) {
        const trial = { repetition, cell, name: setting.name, options: setting.options };
        done += 1;
        if (record.find(trial)) continue;
        const left = ran > 0 ? ((performance.now() - start) / ran) * (total - done + 1) : NaN;
        process.stderr.write(
          `${done}/${total} ${Object.values(cell).join(" ")} ${setting.name}${ran > 0 ? `, ${Math.ceil(left / 60_000)} min left` : ""}\n`,
        );
        record.add({ ...trial, ...run(setting, 10_000 * repetition) });
        ran += 1;
      }
    }
  }
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {number} seed
 */
export function shuffled(items, seed) {
  const left = [...items];
  let state = seed * 7919;
  return Array.from({ length: items.length }, () => {
    state = (state * 48271) % 2147483647; // Park & Miller
    return /** @type {T} */ (left.splice(state % left.length, 1)[0]);
  });
}

const sum = (
  /** @type {Sample[]} */ samples,
  /** @type {"generated" | "passes" | "drafted" | "accepted"} */ key,
) => samples.reduce((total, sample) => total + (sample[key] ?? NaN), 0);

/**
 * What the settings came to: speeds, and ratios to each of the baselines.
 * @param {readonly string[]} names of the settings, in this order; those without trials are left out
 * @param {readonly Trial[]} trials all of one cell
 * @param {Record<string, string>} baselines by what their ratio is to be called: names of settings
 */
export function summarize(names, trials, baselines) {
  const present = names.filter((name) => trials.some((trial) => trial.name === name));
  const counts = present.map((name) => trials.filter((trial) => trial.name === name).length);
  const repetitions = Math.min(...counts); // of a run that was cut off, what is complete
  const samples = (/** @type {string} */ name) =>
    trials
      .filter((trial) => trial.name === name && trial.repetition < repetitions)
      .sort((a, b) => a.repetition - b.repetition)
      .map((trial) => trial.samples);
  return present.map((name) => {
    const own = samples(name);
    const first = own[0] ?? [];
    const perPass = (/** @type {Sample[]} */ all) => sum(all, "generated") / sum(all, "passes");
    const ratios = Object.entries(baselines).map(([label, baseline]) => [
      label,
      compareSpeeds(own, samples(baseline)).ratio,
    ]);
    const [low, high] = interval(first, perPass);
    return {
      name,
      tokensPerSecond: compareSpeeds(own, own).tokensPerSecond,
      ...Object.fromEntries(ratios),
      tokensPerPass: { value: perPass(first), low, high },
      acceptance: sum(first, "accepted") / sum(first, "drafted"),
    };
  });
}
