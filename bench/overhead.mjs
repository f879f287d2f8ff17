// What a generation spends outside of llama.cpp: natively (sampling, verifying), on JavaScript's main
// thread, and on the ways between the threads. On the embedded pair with the deepened target.
// Usage: npm run bench:overhead [-- --count N --target demo]

import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { number, parseOptions, string } from "./options.mjs";
import { conditions, makeEngine, prompts } from "./setting.mjs";
import { interval, median } from "./statistics.mjs";

const values = parseOptions("What a generation spends outside of llama.cpp.", {
  count: { ...number, default: 20, describe: "Prompts" },
  target: {
    ...string,
    choices: /** @type {const} */ (["deep", "demo"]),
    default: "deep",
    describe: "The embedded target, as it is or with idle layers",
  },
});
const engine = await makeEngine({ target: /** @type {"deep" | "demo"} */ (values.target) });
const texts = prompts("gsm8k", values.count);

const schedulerStatistics = "/proc/self/schedstat"; // Linux: the main thread's, in nanoseconds

/** Processor time that the main thread has taken, in milliseconds; elsewhere, time that it was not idle. */
function mainThreadMillis() {
  if (!existsSync(schedulerStatistics)) return performance.eventLoopUtilization().active;
  return Number(readFileSync(schedulerStatistics, "utf8").split(" ")[0]) / 1e6;
}

/** @param {object} options */
async function measure(options) {
  const samples = [];
  for (const prompt of texts) {
    let rounds = 0;
    let stats;
    let before = 0;
    const stream = engine.stream(prompt, { maxTokens: 150, seed: 1, ...options });
    for (;;) {
      const next = await stream.next();
      if (next.done) {
        ({ stats } = next.value);
        break;
      }
      if (rounds === 0) before = mainThreadMillis(); // without the prompt's
      rounds += 1;
    }
    const active = ((mainThreadMillis() - before) * rounds) / (rounds - 1);
    const native = stats.draftMillis + stats.verifyMillis;
    const total = native + stats.overheadMillis;
    samples.push({
      outside: (total - stats.decodeMillis) / total,
      nativeMicros: (1000 * (native - stats.decodeMillis)) / rounds,
      javascriptMicros: (1000 * active) / rounds,
      hopMicros: (1000 * Math.max(0, stats.overheadMillis - active)) / rounds,
    });
  }
  const of = (/** @type {keyof (typeof samples)[0]} */ key) => {
    const column = samples.map((sample) => sample[key]);
    return { median: median(column), interval: interval(column, median) };
  };
  return {
    outsideShare: of("outside"),
    nativeMicrosPerRound: of("nativeMicros"),
    javascriptMicrosPerRound: of("javascriptMicros"),
    hopMicrosPerRound: of("hopMicros"),
  };
}

await measure({}); // compiles JavaScript, brings pages in
console.log(JSON.stringify({ conditions: conditions() }));
for (const options of [
  { temperature: 0, stopRule: "none" },
  { temperature: 0, stopRule: "fixed:4" },
  { temperature: 1, stopRule: "fixed:4", verifier: "rejection" },
  { temperature: 1, stopRule: "fixed:4", verifier: "block" },
  { temperature: 1, stopRule: "fixed:4", verifier: "coupled" },
  { temperature: 1, stopRule: "confidence:0.4", verifier: "rejection" },
  { temperature: 1, stopRule: "logistic:0.6", verifier: "rejection" },
  { temperature: 0, stopRule: "throughput" },
  { temperature: 1, stopRule: "throughput", verifier: "rejection" },
]) {
  console.log(JSON.stringify({ options, ...(await measure(options)) }));
}
await engine.dispose();
