// Generates from every prompt, timed by tinybench: what the trials of all systems have in common.

import { Bench } from "tinybench";

/**
 * @template T
 * @param {readonly T[]} prompts
 * @param {(prompt: T, seed: number) => Promise<{ generated: number, millis: number }>} generate millis:
 *   of the generation itself, without the prompt and what prepares it
 */
export async function timed(prompts, generate) {
  /** @type {import("./record.mjs").Sample[]} */
  const samples = [];
  const bench = new Bench({ iterations: prompts.length, time: 0, warmup: false, throws: true });
  bench.add("millis per token", async () => {
    const prompt = samples.length;
    const sample = await generate(/** @type {T} */ (prompts[prompt]), prompt);
    samples.push({ prompt, ...sample });
    return { overriddenDuration: sample.millis / sample.generated };
  });
  await bench.run();
  const [result] = bench.results;
  if (!result || !("latency" in result)) throw new Error("a benchmark without a result");
  const { mean, p50, moe } = result.latency;
  return { samples, millisPerToken: { mean, p50, moe } };
}
