// An acceptance head for a pair of models: the target's replies to prompts are traced, a head learns from
// them, and a stop rule asks it. node examples/train-head.mjs [TARGET DRAFT [PROMPTS.jsonl]]
//
// Small, so that it ends in seconds; a head worth having takes some hundred prompts like those that it
// will serve, and their whole replies: leave `limit`, `maxTokens` and `epochs` out. The last line says where
// the head is.

import { mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine, trace, trainHead } from "specdecpp";
import { pair, toPrompt } from "./pair.mjs";

const gsm8k = fileURLToPath(new URL("../test/data/gsm8k.jsonl", import.meta.url));
const [, , , , prompts = gsm8k] = process.argv;
const folder = await mkdtemp(path.join(os.tmpdir(), "specdecpp-head-"));
const walks = path.join(folder, "walks");
const head = path.join(folder, "head.gguf");

// At the sampling settings that the head will serve. Stopped, the same call goes on where it was.
const traced = await trace({
  ...pair,
  prompts,
  template: toPrompt("{prompt}"),
  out: walks,
  limit: 40,
  maxTokens: 32,
  maxDraftTokens: 8,
  temperature: 1,
});
console.log(`Traced ${traced.rows} draft steps beside ${traced.tokens} tokens of replies.`);

const { outputs, sizeBytes } = await trainHead({
  trace: walks,
  out: head,
  epochs: 4,
  onEpoch: ({ epoch, loss }) => console.log(`Epoch ${epoch}: loss ${loss.toFixed(4)}`),
});
const { head: metrics, predictors } = outputs.newest;
for (const { name, brier } of [{ name: "the head", ...metrics }, ...predictors]) {
  console.log(`Brier ${brier.toFixed(4)}: ${name}`);
}

// With more prompts, compare rules by `specdecpp bench` or `replay` instead of one text.
const engine = await createEngine({ ...pair, head });
const prompt = toPrompt("A farmer has 24 sheep and sells a third of them. How many are left?");
for (const stopRule of ["fixed:4", "head:0.6"]) {
  const options = { maxTokens: 60, temperature: 1, seed: 1, stopRule };
  const { stats } = await engine.generate(prompt, options);
  const kept = (100 * stats.accepted) / stats.drafted;
  console.log(
    `${stopRule}: ${stats.tokensPerPass.toFixed(2)} tokens per pass of the target,`,
    `${Math.round(kept)} % of drafted tokens accepted`,
  );
}
await engine.dispose();
console.log(`${head}: ${sizeBytes} bytes`);
