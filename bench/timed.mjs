// Generates from every prompt: what the trials of all systems have in common.

import { Bench } from "tinybench";
import { shuffled } from "./trials.mjs";

/** @typedef {import("./record.mjs").Sample} Sample */

/**
 * @template T
 * @param {readonly T[]} prompts
 * @param {((prompt: T, number: number) => Promise<{ generated: number, millis: number }>)[]} generators take
 *   turns at each prompt, in another order each time; millis: of the generation itself, without the prompt
 *   and what prepares it
 * @param {number} [seed] of these orders
 * @returns what each generator did, with tinybench's statistics of it
 */
export async function timed(prompts, generators, seed = 0) {
  const trials = generators.map((generate) => ({
    generate,
    samples: /** @type {Sample[]} */ ([]),
  }));
  for (const [i, prompt] of prompts.entries()) {
    for (const { generate, samples } of shuffled(trials, seed + i + 1)) {
      samples.push({ prompt: i, ...(await generate(prompt, i)) });
    }
  }
  return Promise.all(
    trials.map(async ({ samples }) => ({ samples, millisPerToken: await statistics(samples) })),
  );
}

/** @param {readonly Sample[]} samples */
async function statistics(samples) {
  const left = [...samples];
  const bench = new Bench({ iterations: left.length, time: 0, warmup: false, throws: true });
  bench.add("millis per token", () => {
    const { millis, generated } = left.shift() ?? { millis: NaN, generated: NaN };
    return { overriddenDuration: millis / generated };
  });
  await bench.run();
  const [result] = bench.results;
  if (!result || !("latency" in result)) throw new Error("a benchmark without a result");
  const { mean, p50, moe } = result.latency;
  return { mean, p50, moe };
}
