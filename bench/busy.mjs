// A busy machine: the speed while other processes load every core, for one thread, for as many as there
// are cores, and for the default, which follows what decodes take. Usage: npm run bench:busy

import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { parseOptions } from "./options.mjs";
import { conditions, makeEngine, prompts } from "./setting.mjs";
import { median } from "./statistics.mjs";

parseOptions("The speed while other processes load every core.", {});
const cores = os.availableParallelism();
const [prompt] = prompts("gsm8k", 1);
const kinds = { "one thread": 1, default: undefined, [`${cores} threads`]: cores };

/** A process that keeps a core busy, once it runs. */
async function loadCore() {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('x'); for (;;);"]);
  process.on("exit", () => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

/**
 * @param {string} when
 * @param {Record<string, Awaited<ReturnType<typeof makeEngine>>>} engines
 * @param {number} rounds
 */
async function report(when, engines, rounds) {
  /** @type {Record<string, number[]>} */
  const speeds = {};
  for (let i = 0; i < rounds; ++i) {
    for (const [name, engine] of Object.entries(engines)) {
      const signal = AbortSignal.timeout(20_000);
      const result = await engine
        .generate(prompt, { maxTokens: 60, seed: 1, signal })
        .catch((/** @type {any} */ error) => error.partial);
      (speeds[name] ??= []).push(result.stats.tokensPerSecond);
    }
  }
  const medians = Object.fromEntries(
    Object.entries(speeds).map(([name, all]) => [name, median(all)]),
  );
  console.log(JSON.stringify({ when, tokensPerSecond: medians, all: speeds }));
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
console.log(JSON.stringify({ conditions: conditions() }));
const engines = Object.fromEntries(
  await Promise.all(
    Object.entries(kinds).map(async ([name, threads]) => [name, await makeEngine({ threads })]),
  ),
);
await report("idle", engines, 5);
const load = await Promise.all(Array.from({ length: cores }, loadCore));
await report(`${cores} other processes at work`, engines, 5);
const fresh = { "one thread": engines["one thread"], "default, started now": await makeEngine() };
await report(`${cores} other processes at work`, fresh, 5);
for (const child of load) child.kill("SIGKILL");
await report("idle again", { ...engines, ...fresh }, 10);
process.exit();
