// One trial of node-llama-cpp in a process of its own: plain, or with its DraftSequenceTokenPredictor.
// Usage: node bench/peers/node-llama-cpp.mjs <SETTING (JSON; see below)

import { text } from "node:stream/consumers";
import { DraftSequenceTokenPredictor, getLlama, LlamaLogLevel } from "node-llama-cpp";
import { timed } from "../timed.mjs";

/**
 * @typedef {{
 *   target: string, draft: string, threads: number, contextSize: number, maxTokens: number, temperature: number,
 *   options: { predictor?: { minTokens: number, maxTokens: number, minConfidence: number, draftTemperature: number } },
 *   prompts: number[][], warmup: number[][], seed: number
 * }} Setting prompts and warmup: ids of tokens
 */

/** @type {Setting} */
const setting = JSON.parse(await text(process.stdin));
const { threads, contextSize, maxTokens, temperature, prompts, warmup, seed } = setting;
const { predictor } = setting.options;

const llama = await getLlama({
  gpu: false,
  build: "never",
  skipDownload: true,
  maxThreads: 0, // each context has its own; the draft runs beside the target
  logLevel: LlamaLogLevel.error,
});

/** @param {string} modelPath */
async function makeSequence(modelPath, options = {}) {
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize, threads, sequences: 1 });
  return context.getSequence(options);
}

/** Nothing is cut off of the distribution. */
const sampling = { topK: 0, topP: 1, minP: 0, repeatPenalty: /** @type {const} */ (false) };

const tokenPredictor =
  predictor &&
  new DraftSequenceTokenPredictor(await makeSequence(setting.draft), {
    minTokens: predictor.minTokens,
    maxTokens: predictor.maxTokens,
    minConfidence: predictor.minConfidence,
    evaluateOptions: { ...sampling, temperature: predictor.draftTemperature },
  });
const sequence = await makeSequence(setting.target, { ...(tokenPredictor && { tokenPredictor }) });
const { model } = sequence;

/**
 * @param {number[]} prompt
 * @param {number} drawn the seed
 */
async function generate(prompt, drawn) {
  await sequence.clearHistory();
  const before = sequence.tokenPredictions;
  const tokens = /** @type {import("node-llama-cpp").Token[]} */ (prompt);
  await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, -1));
  /** @type {import("node-llama-cpp").Token[]} */
  const generated = [];
  let ended = false;
  const start = performance.now();
  let millis = NaN;
  const options = { ...sampling, temperature, seed: drawn, yieldEogToken: true };
  for await (const token of sequence.evaluate(tokens.slice(-1), options)) {
    generated.push(token);
    millis = performance.now() - start;
    ended = model.isEogToken(token);
    if (ended || generated.length === maxTokens) break;
  }
  const after = sequence.tokenPredictions;
  const body = ended ? generated.slice(0, -1) : generated;
  return {
    generated: generated.length,
    millis,
    drafted: after.validated + after.refuted - before.validated - before.refuted,
    accepted: after.validated - before.validated,
    text: model.detokenize(body, false, tokens.slice(-1)),
    ended,
  };
}

for (const [i, prompt] of warmup.entries()) await generate(prompt, i);
console.log(JSON.stringify(await timed(prompts, [(prompt, i) => generate(prompt, seed + i)])));
process.exit();
