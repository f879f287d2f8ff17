// A text as a whole, and what drafting did for it.

import { createEngine } from "specdecpp";
import { pair, toPrompt } from "./pair.mjs";

const engine = await createEngine(pair);

const { text, finishReason, stats } = await engine.generate(
  toPrompt(
    "There are 24 students in a class. Half of them are girls. How many boys are in the class?",
  ),
  { maxTokens: 120 },
);

console.log(text);
console.log(
  `\n${stats.generated} tokens in ${stats.targetPasses} passes of the target, ended by ${finishReason};`,
  `${stats.accepted} of ${stats.drafted} drafted tokens were accepted.`,
);
await engine.dispose();
