// Generates from every prompt, timed by tinybench: what the trials of all systems have in common.

import { Bench } from "tinybench";

/**
 * @template T
 * @param {readonly T[]} prompts
 * @param {((prompt: T, seed: number) => Promise<{ generated: number, millis: number }>)[]} generators take
 *   turns at each prompt, another one first each time; millis: of the generation itself, without the prompt
 *   and what prepares it
 */
export async function timed(prompts, generators) {
  /** @type {{ samples: import("./record.mjs").Sample[] }[]} */
  const trials = generators.map(() => ({ samples: [] }));
  const bench = new Bench({ iterations: prompts.length, time: 0, warmup: false, throws: true });
  let turn = 0;
  bench.add("millis per token", async () => {
    const prompt = turn++;
    let millis = 0;
    let generated = 0;
    for (const k of generators.keys()) {
      const which = (prompt + k) % generators.length;
      const sample = await generators[which]?.(/** @type {T} */ (prompts[prompt]), prompt);
      if (sample === undefined) continue;
      trials[which]?.samples.push({ prompt, ...sample });
      millis += sample.millis;
      generated += sample.generated;
    }
    return { overriddenDuration: millis / generated };
  });
  await bench.run();
  const [result] = bench.results;
  if (!result || !("latency" in result)) throw new Error("a benchmark without a result");
  const { mean, p50, moe } = result.latency;
  return { trials, millisPerToken: { mean, p50, moe } };
}
