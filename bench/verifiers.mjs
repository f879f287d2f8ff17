// The verifiers side by side, at fixed lengths: tokens per target pass and speed on the embedded pair.
// Usage: npm run bench:verifiers [-- --repetitions N --count N --temperature T --out FILE]

import { number, parseOptions, resultFile, string } from "./options.mjs";
import { readTrials, Record } from "./record.mjs";
import { prompts } from "./setting.mjs";
import { runCells, runTrial, summarize } from "./trials.mjs";

const values = parseOptions("The verifiers side by side, at fixed lengths.", {
  repetitions: { ...number, default: 5, describe: "Runs of each setting" },
  count: { ...number, default: 40, describe: "Prompts" },
  temperature: { ...number, default: 1, describe: "Temperature" },
  out: {
    ...string,
    default: resultFile("verifiers.jsonl"),
    describe: "Where results are appended",
  },
});
const { temperature } = values;
const cell = { set: "gsm8k", count: values.count, temperature, maxTokens: 150 };
const texts = prompts(cell.set, cell.count);
const common = { temperature, maxTokens: cell.maxTokens };

const settings = [
  { name: "plain", options: { ...common, stopRule: "none" } },
  ...["rejection", "block", "coupled", "match"].flatMap((verifier) =>
    [4, 8].map((K) => ({
      name: `${verifier}, K = ${K}`,
      options: { ...common, verifier, stopRule: `fixed:${K}` },
    })),
  ),
];
const run = (/** @type {(typeof settings)[0]} */ { options }) =>
  runTrial(texts, {
    engine: {},
    options,
    warmup: { prompts: texts.slice(0, 3), options },
  });
runCells([{ cell, settings, run }], values.repetitions, new Record(values.out));

const trials = readTrials(values.out).filter(
  (trial) => JSON.stringify(trial.cell) === JSON.stringify(cell),
);
const f = (/** @type {number} */ x, digits = 2) => x.toFixed(digits);
/** @param {{ value: number, low: number, high: number }} figure */
const figure = ({ value, low, high }, digits = 2) =>
  `${f(value, digits)} [${f(low, digits)}, ${f(high, digits)}]`;
console.log(
  "\n| verifier | tokens per target pass | accepted | tokens/s | speedup over plain |\n| --- | --- | --- | --- | --- |",
);
const names = settings.map(({ name }) => name);
for (const row of summarize(names, trials, { speedup: "plain" })) {
  const { tokensPerPass, tokensPerSecond, speedup, acceptance } = row;
  const accepted = Number.isNaN(acceptance) ? "–" : f(acceptance);
  console.log(
    `| ${row.name} | ${figure(tokensPerPass)} | ${accepted} | ${figure(tokensPerSecond, 0)} | ${figure(speedup)} |`,
  );
}
