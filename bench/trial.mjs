// One trial in a process of its own: generates from every prompt under one setting and prints a line of
// JSON. Usage: node bench/trial.mjs <SETTING (JSON; see runTrial in trials.mjs)

import { text } from "node:stream/consumers";
import { makeEngine } from "./setting.mjs";
import { timed } from "./timed.mjs";

/** @type {import("./trials.mjs").TrialSetting} */
const setting = JSON.parse(await text(process.stdin));
const { engine: engineSetting, prompts, warmup, options, seed = 0, withText = false } = setting;
const engine = await makeEngine(engineSetting);
/** The default without a seed; with one, which is here to repeat a trial, it would be "coupled". */
const verifier = /** @type {any} */ (options).temperature > 0 ? "block" : undefined;

for (const prompt of warmup.prompts) await engine.generate(prompt, warmup.options);

const results = await timed(prompts, async (prompt, i) => {
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
});
console.log(JSON.stringify(results));
await engine.dispose();
