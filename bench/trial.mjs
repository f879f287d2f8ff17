// Trials in a process of their own: each generates from every prompt under one setting, all of them by
// turns, prompt by prompt, each with an engine of its own. Prints a line of JSON, the samples of each.
// Usage: node bench/trial.mjs < SETTINGS (JSON; see runTurns in trials.mjs)

import { text } from "node:stream/consumers";
import { makeEngine } from "./setting.mjs";
import { timed } from "./timed.mjs";

/** @param {import("./trials.mjs").TrialSetting} setting */
async function prepare({ engine: setting, warmup, options, seed = 0, withText = false }) {
  const engine = await makeEngine(setting);
  /** The default without a seed; with one, which is here to repeat a trial, it would be "coupled". */
  const verifier = /** @type {any} */ (options).temperature > 0 ? "block" : undefined;

  for (const prompt of warmup.prompts) await engine.generate(prompt, warmup.options);

  const generate = async (
    /** @type {import("./trials.mjs").Prompt} */ prompt,
    /** @type {number} */ i,
  ) => {
    const result = await engine.generate(prompt, {
      seed: seed + i,
      ...(verifier && { verifier }),
      ...options,
    });
    const { stats } = result;
    return {
      generated: stats.generated,
      millis: (stats.generated / stats.tokensPerSecond) * 1000,
      passes: stats.targetPasses,
      drafted: stats.drafted,
      accepted: stats.accepted,
      ...(withText && { text: result.text, ended: result.finishReason === "eog" }),
    };
  };
  return { generate, dispose: () => engine.dispose() };
}

/** @type {{ prompts: import("./trials.mjs").Prompt[], settings: import("./trials.mjs").TrialSetting[] }} */
const { prompts, settings } = JSON.parse(await text(process.stdin));
const trials = [];
for (const setting of settings) trials.push(await prepare(setting));
console.log(
  JSON.stringify(
    await timed(
      prompts,
      trials.map(({ generate }) => generate),
    ),
  ),
);
for (const trial of trials) await trial.dispose();
