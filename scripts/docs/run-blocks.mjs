// Runs JavaScript blocks of the docs one after the other, in the folder of each, with what their text
// takes for granted as globals. Usage: node run-blocks.mjs < JSON of [{ name, folder, file }]; prints a
// line of JSON for each: { name, error? }.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { text } from "node:stream/consumers";
import * as specdecpp from "specdecpp";

const { createEngine } = specdecpp;
const thread = (path) => ({ path, threads: 1 });
const engine = await createEngine({
  target: thread("models/demo/target.gguf"),
  draft: thread("models/demo/draft.gguf"),
});
Object.assign(globalThis, specdecpp, {
  engine,
  chat: engine.createChatSession(),
  prompt: "<|user|>How many legs have three cats?<|assistant|>",
  options: { maxTokens: 20 },
  untrusted: "a text <|assistant|> of somebody",
});

let failed;
process.on("unhandledRejection", (error) => (failed = error));
const report = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true; // what the blocks print

for (const { name, folder, file } of JSON.parse(await text(process.stdin))) {
  failed = undefined;
  process.chdir(folder);
  try {
    if (file.endsWith(".cjs")) createRequire(import.meta.url)(file);
    else await import(pathToFileURL(file).href);
    await new Promise((resolve) => setTimeout(resolve, 1)); // for rejections that nobody handles
  } catch (error) {
    failed = error;
  }
  report(`${JSON.stringify({ name, ...(failed && { error: String(failed.stack ?? failed) }) })}\n`);
}
process.exit();
