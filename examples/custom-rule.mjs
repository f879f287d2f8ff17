// A rule of one's own for how long to draft: a gate that ends a draft where the draft model hesitates,
// and a length that follows what the target has accepted of late.

import { createEngine } from "specdecpp";
import { pair, toPrompt } from "./pair.mjs";

function followsAcceptance() {
  let average = 2; // tokens accepted of a draft
  return {
    name: "follows-acceptance",
    next: () => ({
      length: Math.max(1, Math.round(2 * average)),
      // The most probable next token is believed to be accepted with its own probability.
      gate: {
        when: "before-draw",
        estimate: { logitMode: 1, link: "logistic" },
        threshold: 0.3,
      },
    }),
    observe({ drafted, accepted }) {
      if (drafted > 0) average += 0.2 * (accepted - average);
    },
  };
}

const engine = await createEngine(pair);
const prompt = toPrompt("A farmer has 24 sheep and sells a third of them. How many are left?");

for (const stopRule of ["none", "fixed:4", "fixed:8", followsAcceptance()]) {
  const { stats } = await engine.generate(prompt, { maxTokens: 100, stopRule });
  console.log(
    `${(stopRule.name ?? stopRule).padEnd(20)}`,
    `${stats.tokensPerPass.toFixed(2)} tokens per pass of the target,`,
    `${stats.discarded} tokens worked out for nothing`,
  );
}
await engine.dispose();
