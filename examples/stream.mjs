// A text as it comes, which Ctrl-C ends; what was generated until then is kept.

import { createEngine } from "specdecpp";
import { pair, toPrompt } from "./pair.mjs";

const engine = await createEngine(pair);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

const chunks = engine.stream(toPrompt("Write a function that reads a file and counts its lines."), {
  maxTokens: 200,
  temperature: 0.8,
  seed: 7,
  signal: interrupted.signal,
});
try {
  for await (const { text } of chunks) process.stdout.write(text);
  process.stdout.write("\n");
} catch (error) {
  if (error.code !== "ERR_ABORTED") throw error;
  console.log(`\nstopped after ${error.partial?.tokens.length ?? 0} tokens`);
} finally {
  await engine.dispose();
}
