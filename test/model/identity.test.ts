import type { Engine, GenerateOptions, GenerationResult } from "../../lib";
import { policyKinds } from "../../lib/policy/policies";
import { gumbel } from "../support/coupling";
import { demoEngine, gsm8k, humaneval, plainEngine, shippedTarget, threads } from "../support/demo";

// At temperature 0, and with the coupled verifier at any, the output is what plain decoding gives,
// whatever is drafted, but for near ties: llama.cpp's kernels for one row and for many rows round
// differently, so where two tokens are as good as equal either may come out. `npm run test:identity`
// runs all 300 prompts; here is a part. The pair is the one that is shipped: F16 rounds differently
// more often than the Q8_0 of other tests.

const prompts = [...gsm8k, ...humaneval];
const count = Number(process.env.SPECDECPP_IDENTITY_PROMPTS ?? 12);
const maxTokens = 150;

jest.setTimeout(3_600_000); // all prompts under all rules take a while

/** Nats by which the scores of two tokens may differ where the texts part. */
const nearTie = 0.02;

let draft: Engine;
let plain: Engine;

beforeAll(async () => {
  draft = await demoEngine({ target: { path: shippedTarget, threads } });
  plain = await plainEngine(shippedTarget);
});

afterAll(async () => {
  await draft.dispose();
  await plain.dispose();
});

/** Every so-manieth prompt, so that both sets are in. */
function choose(n: number): string[] {
  return prompts.filter((_, i) => (i * n) % prompts.length < n);
}

/** How far apart the two tokens' scores are at the first difference; undefined if there is none. */
function gap(
  a: GenerationResult,
  b: GenerationResult,
  options: GenerateOptions,
): number | undefined {
  const at = a.tokens.findIndex((token, i) => token !== b.tokens[i]);
  if (at < 0 && a.tokens.length === b.tokens.length) return undefined;
  const position = a.stats.promptTokens + at;
  const { temperature = 0, seed = 0 } = options;
  const score = ({ logprobs = [], tokens }: GenerationResult): number => {
    const logprob = logprobs[at] ?? NaN;
    return temperature === 0
      ? logprob
      : logprob / temperature + gumbel(seed, position, tokens[at] ?? -1);
  };
  return Math.abs(score(a) - score(b));
}

/** Plain decoding's results, which several tests compare with. */
const plainResults = new Map<string, Promise<GenerationResult>>();

function plainResult(prompt: string, options: GenerateOptions): Promise<GenerationResult> {
  const { temperature, seed } = options;
  const key = JSON.stringify([prompt, temperature, seed]);
  const known = plainResults.get(key);
  if (known !== undefined) return known;
  const result = plain.generate(prompt, { ...options, stopRule: "none" });
  plainResults.set(key, result);
  return result;
}

async function checkIdentity(
  name: string,
  n: number,
  options: GenerateOptions,
  rules: string[],
): Promise<void> {
  const gaps: number[] = [];
  const parted = new Set<string>();
  for (const [seed, prompt] of choose(n).entries()) {
    const common = { ...options, seed, maxTokens, logprobs: true };
    const expected = await plainResult(prompt, common);
    for (const stopRule of rules) {
      const found = gap(expected, await draft.generate(prompt, { ...common, stopRule }), common);
      if (found === undefined) continue;
      gaps.push(found);
      parted.add(prompt);
    }
  }
  const texts = choose(n).length * rules.length;
  console.info(
    `${name}: ${texts} texts, ${gaps.length} part at a near tie, largest gap ${Math.max(0, ...gaps).toFixed(4)} nats (bound ${nearTie})`,
  );
  for (const found of gaps) expect(found).toBeLessThan(nearTie);
  expect(parted.size).toBeLessThanOrEqual(Math.max(1, n * 0.1)); // a near tie is one under all rules
}

test.each([
  [1, "greedy"],
  [4, "greedy"],
  [12, "greedy"],
  [4, "rejection"],
  [4, "block"],
] as const)(
  "temperature 0, K = %i, %s: the tokens are those of the target alone",
  async (K, verifier) => {
    await checkIdentity(`T = 0, K = ${K}, ${verifier}`, count, { verifier }, [`fixed:${K}`]);
  },
);

test.each([0.3, 0.7, 1, 1.5])(
  "temperature %d, coupled: under every rule the tokens are those of plain decoding with the same seed",
  async (temperature) => {
    const withoutHead = policyKinds.filter(({ needsHead }) => !needsHead);
    const rules = withoutHead.map(({ name }) => (name === "fixed" ? "fixed:6" : name));
    const n = count < 200 ? Math.ceil(count / 3) : 200;
    await checkIdentity(
      `T = ${temperature}, coupled`,
      n,
      { temperature, verifier: "coupled" },
      rules,
    );
  },
);
