// Runs trials in turn, so that a drift of the machine's speed hits all alike.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { interval, median } from "./statistics.mjs";

/**
 * @typedef {{ name: string, engine?: object, set: string, count: number, options: object }} Setting
 * @typedef {{ generated: number, passes: number, drafted: number, accepted: number, millis: number }} Sample
 */

/**
 * @param {Setting} setting
 * @returns {Sample[]}
 */
function runTrial(setting) {
  const child = spawnSync(
    process.execPath,
    [path.join(import.meta.dirname, "trial.mjs"), JSON.stringify({ engine: {}, ...setting })],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (child.status !== 0) throw new Error(`the trial ${setting.name} failed`);
  return JSON.parse(child.stdout).samples;
}

const sum = (/** @type {Sample[]} */ samples, /** @type {keyof Sample} */ key) =>
  samples.reduce((total, sample) => total + sample[key], 0);

/**
 * Every setting `repetitions` times, interleaved. Rates are of sums over the prompts. Their intervals
 * are over the prompts; that of the speed is over the repetitions, each against the first setting in
 * the same repetition.
 * @param {Setting[]} settings the first is what the others are compared with
 * @param {number} repetitions
 */
export function runTrials(settings, repetitions) {
  /** @type {Sample[][][]} */
  const results = settings.map(() => []);
  for (let repetition = 0; repetition < repetitions; ++repetition) {
    for (const [i, setting] of settings.entries()) {
      process.stderr.write(`${repetition + 1}/${repetitions} ${setting.name}\n`);
      results[i]?.push(runTrial(setting));
    }
  }
  const speeds = results.map((trials) =>
    trials.map((samples) => (1000 * sum(samples, "generated")) / sum(samples, "millis")),
  );
  return settings.map((setting, i) => {
    const first = results[i]?.[0] ?? [];
    const perPass = (/** @type {Sample[]} */ samples) =>
      sum(samples, "generated") / sum(samples, "passes");
    const ratios = (speeds[i] ?? []).map((speed, r) => speed / (speeds[0]?.[r] ?? NaN));
    return {
      name: setting.name,
      tokensPerPass: perPass(first),
      tokensPerPassInterval: interval(first, perPass),
      acceptance: sum(first, "accepted") / sum(first, "drafted"),
      tokensPerSecond: median(speeds[i] ?? []),
      speedup: median(ratios),
      speedupInterval: interval(ratios, median),
    };
  });
}
