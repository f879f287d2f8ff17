// How fast traces of real rounds are collected, beside generation of the same rounds: the same prompts,
// seeds, lengths and tokens, by turns, each with the next prompts. Usage: npm run bench:trace
// [-- --seconds S --count N --max-tokens N --draft-length K --temperature T --target own|1:10|1:40|demo|deep]
// count: prompts of a turn

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
  seconds: { ...number, default: 45, describe: "How long turns are taken" },
  count: { ...number, default: 2, describe: "Prompts of a turn" },
  "max-tokens": { ...number, default: 120, describe: "Tokens of each prompt" },
  "draft-length": { ...number, default: 20, describe: "Drafted tokens a round" },
  temperature: { ...number, default: 1, describe: "Temperature" },
  target: {
    ...string,
    choices: /** @type {const} */ (["own", "1:10", "1:40", "demo", "deep"]),
    default: "1:10",
    describe: "By how many draft steps a plain pass costs, or by name",
  },
});
const { seconds, count, temperature } = values;
const maxDraftTokens = values.draftLength;
const sampling = {
  temperature,
  maxTokens: values.maxTokens,
  // With a seed, generating has the verifier "coupled", and a trace "block".
  ...(temperature > 0 && { verifier: "block" }),
};
const name = values.target;
const target = await targetFile(name);
// A trace has one thread, so that its numbers do not depend on the machine.
const pair = { target: { path: target, threads: 1 }, draft: { path: draftFile, threads: 1 } };

/** Turns below which an interval says nothing. */
const fewestTurns = 5;

const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-trace-"));
const file = path.join(folder, "prompts.jsonl");

/** @typedef {{ seconds: number, replies: number[][] }} Run */

/** @param {string[]} texts @param {boolean} states @returns {Promise<Run>} */
async function collect(texts, states) {
  const out = path.join(folder, "rounds");
  rmSync(out, { recursive: true, force: true });
  writeFileSync(file, texts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(""));
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

/** @param {string[]} texts @returns {Promise<Run>} */
async function generate(texts) {
  const engine = await createEngine({ ...pair, maxDraftTokens });
  const start = performance.now();
  /** @type {number[][]} */
  const replies = [];
  for (const [i, prompt] of texts.entries()) {
    const { tokens } = await engine.generate(prompt, {
      ...sampling,
      seed: promptSeed(0, i),
      stopRule: `fixed:${maxDraftTokens}`,
      reusePrefix: false, // as a trace: rows of other batches round differently
    });
    replies.push(tokens);
  }
  const seconds = (performance.now() - start) / 1000;
  await engine.dispose();
  return { seconds, replies };
}

/** The ways by name, the first the one that the others are compared with. */
const ways = {
  generated: generate,
  withStates: (/** @type {string[]} */ texts) => collect(texts, true),
  without: (/** @type {string[]} */ texts) => collect(texts, false),
};
const names = /** @type {(keyof typeof ways)[]} */ (Object.keys(ways));

/** Tokens/s of each way on the same prompts. @param {number} number of the turn, from 0 */
async function takeTurn(number) {
  const texts = Array.from(
    { length: count },
    (_, i) => /** @type {string} */ (all[(number * count + i) % all.length]),
  );
  /** @type {Map<string, Run>} */
  const runs = new Map();
  for (const [i] of names.entries()) {
    // Each is the first as often as the others, so that a drift of the machine's speed meets all alike.
    const way = names[(number + i) % names.length] ?? "generated";
    runs.set(way, await ways[way](texts));
  }
  const replies = new Set([...runs.values()].map((run) => JSON.stringify(run.replies)));
  if (replies.size > 1) {
    throw new Error("the trace's replies are not those generated: the rounds were not the same");
  }
  const speed = (/** @type {string} */ way) => {
    const run = runs.get(way);
    return (run?.replies.flat().length ?? NaN) / (run?.seconds ?? NaN);
  };
  return {
    generated: speed("generated"),
    withStates: speed("withStates"),
    without: speed("without"),
  };
}

const all = prompts("gsm8k");
await takeTurn(all.length - 1); // warms up: pages come in, frequencies go up
const start = performance.now();
/** @type {Awaited<ReturnType<typeof takeTurn>>[]} */
const speeds = [];
for (let passed = 0; passed < seconds || speeds.length < fewestTurns;) {
  speeds.push(await takeTurn(speeds.length));
  passed = (performance.now() - start) / 1000;
  process.stderr.write(`turn ${speeds.length}, ${passed.toFixed(0)} of ${seconds} s\n`);
}
rmSync(folder, { recursive: true });

console.log(
  JSON.stringify({
    conditions: conditions(),
    ...{ target: name, maxDraftTokens, ...sampling, prompts: count, turns: speeds.length },
  }),
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
