import type { Engine, GenerationResult } from "../../lib";
import { demoEngine, gsm8k, humaneval, plainEngine } from "../support/demo";

// At temperature 0 the output is the target's own, whatever is drafted, but for near ties: llama.cpp's
// kernels for one row and for many rows round differently, so where two tokens are almost equally
// probable either may come out. `npm run test:identity` runs all 300 prompts; here is a part.

const prompts = [...gsm8k, ...humaneval];
const count = Number(process.env.SPECDECPP_IDENTITY_PROMPTS ?? 30);
const chosen = prompts.filter((_, i) => (i * count) % prompts.length < count);

/** Nats by which the two candidates' log-probabilities may differ where the texts part. */
const nearTie = 0.02;

const maxTokens = 150;

let draft: Engine;
let plain: Engine;
const expected: GenerationResult[] = [];

beforeAll(async () => {
  draft = await demoEngine();
  plain = await plainEngine();
  for (const prompt of chosen) {
    expected.push(await plain.generate(prompt, { maxTokens, logprobs: true }));
  }
});

afterAll(async () => {
  await draft.dispose();
  await plain.dispose();
});

/** The gap at the first difference; undefined if there is none. */
function gap(a: GenerationResult, b: GenerationResult): number | undefined {
  const at = a.tokens.findIndex((token, i) => token !== b.tokens[i]);
  if (at < 0 && a.tokens.length === b.tokens.length) return undefined;
  return Math.abs((a.logprobs?.[at] ?? NaN) - (b.logprobs?.[at] ?? NaN));
}

test.each([
  [1, "greedy"],
  [4, "greedy"],
  [12, "greedy"],
  [4, "rejection"],
] as const)("K = %i, %s: the tokens are those of the target alone", async (K, verifier) => {
  const gaps: number[] = [];
  for (const [i, prompt] of chosen.entries()) {
    const options = { maxTokens, logprobs: true, stopRule: `fixed:${K}`, verifier } as const;
    const result = await draft.generate(prompt, options);
    const found = gap(expected[i]!, result);
    if (found !== undefined) gaps.push(found);
  }
  console.info(
    `K = ${K}, ${verifier}: ${chosen.length} prompts, ${gaps.length} part at a near tie, largest gap ${Math.max(0, ...gaps).toFixed(4)} nats (bound ${nearTie})`,
  );
  for (const found of gaps) expect(found).toBeLessThan(nearTie);
  expect(gaps.length).toBeLessThanOrEqual(Math.max(1, chosen.length * 0.1));
});
