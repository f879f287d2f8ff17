// The verifiers side by side, at fixed lengths: tokens per target pass and speed on the embedded pair.
// Usage: npm run bench:verifiers [-- --repetitions N --count N --temperature T]

import { parseArgs } from "node:util";
import { conditions } from "./setting.mjs";
import { runTrials } from "./trials.mjs";

const { values } = parseArgs({
  options: {
    repetitions: { type: "string", default: "5" },
    count: { type: "string", default: "40" },
    temperature: { type: "string", default: "1" },
  },
});
const temperature = Number(values.temperature);
const common = { set: "gsm8k", count: Number(values.count) };
const options = { temperature, maxTokens: 150 };

const settings = [
  { ...common, name: "plain", options: { ...options, stopRule: "none" } },
  ...["rejection", "block", "coupled", "match"].flatMap((verifier) =>
    [4, 8].map((K) => ({
      ...common,
      name: `${verifier}, K = ${K}`,
      options: { ...options, verifier, stopRule: `fixed:${K}` },
    })),
  ),
];
const rows = runTrials(settings, Number(values.repetitions));
console.log(JSON.stringify({ conditions: conditions(), temperature, ...common, rows }));

const f = (/** @type {number} */ x, digits = 2) => x.toFixed(digits);
console.log(
  "\n| verifier | tokens per target pass | accepted | tokens/s | speedup over plain |\n| --- | --- | --- | --- | --- |",
);
for (const row of rows) {
  const [low, high] = row.tokensPerPassInterval;
  const [slow, fast] = row.speedupInterval;
  console.log(
    `| ${row.name} | ${f(row.tokensPerPass)} [${f(low)}, ${f(high)}] | ${Number.isNaN(row.acceptance) ? "–" : f(row.acceptance)} | ${f(row.tokensPerSecond, 0)} | ${f(row.speedup)} [${f(slow)}, ${f(fast)}] |`,
  );
}
