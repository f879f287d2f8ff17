// A conversation: node examples/chat.mjs [TARGET DRAFT]
// The embedded pair is a toy that writes like a schoolbook and cannot calculate.

import { createEngine } from "specdecpp";
import { pair } from "./pair.mjs";

const engine = await createEngine(pair);
const chat = engine.createChatSession();

for (const question of [
  "Tom has 3 boxes with 12 pencils each. How many pencils has he?",
  "He gives 7 pencils away. How many has he left?",
]) {
  console.log(`> ${question}`);
  const answer = chat.stream(question, { maxTokens: 60 });
  let next = await answer.next();
  while (!next.done) {
    process.stdout.write(next.value.text);
    next = await answer.next();
  }
  const { promptTokens, reusedTokens, tokensPerPass } = next.value.stats;
  console.log(
    `\n(${reusedTokens} of ${promptTokens} prompt tokens were there already; ${tokensPerPass.toFixed(2)} tokens per target pass)\n`,
  );
}

console.log(`${chat.history.length} messages in the history`);
await engine.dispose();
