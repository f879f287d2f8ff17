// One trial in a process of its own: generates from every prompt under one setting, timed by tinybench,
// and prints a line of JSON. Usage: node bench/trial.mjs SETTING (JSON; see runTrial in trials.mjs)

import { Bench } from "tinybench";
import { makeEngine, prompts } from "./setting.mjs";

const { engine: engineOptions, set, count, options } = JSON.parse(process.argv[2] ?? "{}");
const engine = await makeEngine(engineOptions);
const texts = prompts(set, count);

// Pages come in, frequencies go up, and rules that adapt get to know the pair.
for (const prompt of texts.slice(0, 3)) await engine.generate(prompt, options);

/** @type {{ generated: number, passes: number, drafted: number, accepted: number, millis: number }[]} */
const samples = [];
let next = 0;
const bench = new Bench({ iterations: texts.length, time: 0, warmup: false });
bench.add("millis per token", async () => {
  const seed = next; // the same for every setting
  const { stats } = await engine.generate(texts[next++] ?? "", { seed, ...options });
  const millis = (stats.generated / stats.tokensPerSecond) * 1000;
  samples.push({
    generated: stats.generated,
    passes: stats.targetPasses,
    drafted: stats.drafted,
    accepted: stats.accepted,
    millis,
  });
  return { overriddenDuration: millis / stats.generated };
});
await bench.run();
const [result] = bench.results;
console.log(
  JSON.stringify({
    samples,
    millisPerToken: result && "latency" in result ? result.latency : null,
  }),
);
await engine.dispose();
