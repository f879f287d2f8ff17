// How fast traces of real rounds are collected, beside generation of the same rounds: the same prompts,
// seeds, lengths and tokens, by turns. Usage: npm run bench:trace [-- --count N --repetitions N
// --draft-length K --temperature T --target demo]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { number, parseOptions, string } from "./options.mjs";
import { conditions, draftFile, prompts, targetFile } from "./setting.mjs";
import { interval, median } from "./statistics.mjs";

const require = createRequire(import.meta.url);
const { createEngine, readTrace, trace } = require("..");
const { promptSeed } = require("../dist/trace/fingerprint.js");
const values = parseOptions("How fast traces of real rounds are collected, beside generation.", {
  count: { ...number, default: 32, describe: "Prompts" },
  repetitions: { ...number, default: 5, describe: "Runs of each" },
  "draft-length": { ...number, default: 20, describe: "Drafted tokens a round" },
  temperature: { ...number, default: 1, describe: "Temperature" },
  target: {
    ...string,
    choices: /** @type {const} */ (["deep", "demo"]),
    default: "deep",
    describe: "The embedded target, as it is or with idle layers",
  },
});
const maxDraftTokens = values.draftLength;
const sampling = { temperature: values.temperature, maxTokens: 120 };
const texts = prompts("gsm8k", values.count);
const target = await targetFile(values.target);
// A trace has one thread, so that its numbers do not depend on the machine.
const pair = { target: { path: target, threads: 1 }, draft: { path: draftFile, threads: 1 } };

const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-trace-"));
const file = path.join(folder, "prompts.jsonl");
writeFileSync(file, texts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(""));

/** @param {boolean} states */
async function collect(states) {
  const out = path.join(folder, "rounds");
  rmSync(out, { recursive: true, force: true });
  let start = NaN; // when the models are loaded
  const onStart = () => (start = performance.now());
  const mode = "rounds";
  await trace({
    ...pair,
    ...sampling,
    ...{ prompts: file, out, mode, maxDraftTokens, states, seed: 0, onStart },
  });
  const seconds = (performance.now() - start) / 1000;
  /** @type {number[][]} */
  const replies = [];
  for await (const { replyTokens } of readTrace(out)) replies.push(Array.from(replyTokens));
  return { seconds, replies };
}

async function generate() {
  const engine = await createEngine({ ...pair, maxDraftTokens });
  const start = performance.now();
  /** @type {number[][]} */
  const replies = [];
  for (const [i, prompt] of texts.entries()) {
    const options = { ...sampling, seed: promptSeed(0, i), stopRule: `fixed:${maxDraftTokens}` };
    replies.push((await engine.generate(prompt, options)).tokens);
  }
  const seconds = (performance.now() - start) / 1000;
  await engine.dispose();
  return { seconds, replies };
}

/** @type {{ generated: number, withStates: number, without: number }[]} */
const speeds = [];
for (let repetition = 0; repetition < values.repetitions; ++repetition) {
  process.stderr.write(`${repetition + 1}/${values.repetitions}\n`);
  const runs = [await generate(), await collect(true), await collect(false)];
  const [generated, withStates, without] = runs.map(({ seconds, replies }) => {
    if (JSON.stringify(replies) !== JSON.stringify(runs[0]?.replies)) {
      throw new Error("the trace's replies are not those generated: the rounds were not the same");
    }
    return replies.flat().length / seconds;
  });
  speeds.push({
    generated: generated ?? NaN,
    withStates: withStates ?? NaN,
    without: without ?? NaN,
  });
}
rmSync(folder, { recursive: true });

console.log(
  JSON.stringify({ conditions: conditions(), target: values.target, maxDraftTokens, ...sampling }),
);
for (const kind of /** @type {const} */ (["withStates", "without"])) {
  const ratios = speeds.map((speed) => speed[kind] / speed.generated);
  console.log(
    JSON.stringify({
      states: kind === "withStates",
      generatedTokensPerSecond: median(speeds.map(({ generated }) => generated)),
      collectedTokensPerSecond: median(speeds.map((speed) => speed[kind])),
      ratio: median(ratios),
      ratioInterval: interval(ratios, median),
    }),
  );
}
