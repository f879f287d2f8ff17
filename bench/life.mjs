// Replay beside life: what rules come to on a trace at measured prices, and what they come to in an
// engine on the same prompts, by turns. Usage: npm run bench:life [-- --count N --temperature T]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { number, parseOptions } from "./options.mjs";
import { conditions, draftFile, makeEngine, prompts, targetFile } from "./setting.mjs";
import { interval } from "./statistics.mjs";

const { calibrate, replay, trace } = createRequire(import.meta.url)("..");
const values = parseOptions("Replay beside life: rules on a trace, and in an engine.", {
  count: { ...number, default: 40, describe: "Prompts" },
  temperature: { ...number, default: 0, describe: "Temperature" },
});
const { temperature } = values;
const texts = prompts("gsm8k", values.count);
const maxTokens = 100;
const rules = ["none", "fixed:4", "fixed:8", "confidence:0.4", "schedule:5"];
const pair = {
  target: { path: await targetFile("deep"), threads: 1 },
  draft: { path: draftFile, threads: 1 },
};

const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-life-"));
const file = path.join(folder, "prompts.jsonl");
writeFileSync(file, texts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(""));
const { costs } = await calibrate({ ...pair, seconds: 30, force: true });
const { out } = await trace({
  ...pair,
  prompts: file,
  out: path.join(folder, "walks"),
  states: false,
  maxDraftTokens: 16,
  temperature,
  maxTokens,
});
const replayed = (await replay({ trace: out, costs: "measured", rules })).rules;
rmSync(folder, { recursive: true });

const engine = await makeEngine({ threads: 1 });
/** @type {Record<string, any[]>} */
const lived = Object.fromEntries(rules.map((rule) => [rule, []]));
for (const prompt of texts.slice(0, 3)) await engine.generate(prompt, { maxTokens });
for (const [seed, prompt] of texts.entries()) {
  for (const stopRule of rules) {
    // Walks have the law of rejection sampling.
    const verifier = temperature > 0 ? /** @type {const} */ ("rejection") : undefined;
    const options = { temperature, maxTokens, seed, stopRule, ...(verifier && { verifier }) };
    const { stats } = await engine.generate(prompt, options);
    lived[stopRule]?.push({ ...stats, seconds: stats.generated / stats.tokensPerSecond });
  }
}
await engine.dispose();

const over = (/** @type {string} */ part, whole = "generated") => {
  const sum = (/** @type {any[]} */ all, /** @type {string} */ key) =>
    all.reduce((total, one) => total + one[key], 0);
  return (/** @type {any[]} */ all) => sum(all, part) / sum(all, whole);
};
console.log(JSON.stringify({ conditions: conditions(), temperature, maxTokens, costs }));
const f = (/** @type {number} */ x, digits = 3) => x.toFixed(digits);
const both = (
  /** @type {any} */ there,
  /** @type {any[]} */ here,
  /** @type {any} */ rate,
  digits = 3,
) =>
  `${f(there.value, digits)} [${f(there.low, digits)}, ${f(there.high, digits)}] | ${f(rate(here), digits)} [${interval(
    here,
    rate,
  )
    .map((x) => f(x, digits))
    .join(", ")}]`;
console.log(
  "| rule | discard rate, replayed | lived | verification rate, replayed | lived | tokens/s, replayed | clocked |\n| --- | --- | --- | --- | --- | --- | --- |",
);
for (const report of replayed) {
  const here = lived[report.rule] ?? [];
  console.log(
    `| ${report.rule} | ${both(report.discardRate, here, over("discarded"))} | ${both(report.verificationRate, here, over("targetPasses"))} | ${both(report.tokensPerSecond, here, over("generated", "seconds"), 1)} |`,
  );
}
