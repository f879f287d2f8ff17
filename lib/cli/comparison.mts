import { median } from "../cost/timing.js";
import type { Engine, GenerateOptions, GenerationResult, OutputToken } from "../index.js";

/** Runs of each kind; the speeds are their medians. */
export const repeats = 5;

/** One way to decode a prompt: the first run, and how fast all runs were. */
export interface Side extends GenerationResult {
  /** The median of the runs. */
  tokensPerSecond: number;
  runs: number[];
}

export interface Comparison {
  plain: Side;
  speculative: Side;
  /** Tokens a second of speculative decoding over those of plain. */
  speedup: number;
  identical: boolean;
}

/** Told of the tokens of the first run as they come. */
export type Watch = (
  side: "plain" | "speculative",
  tokens: readonly OutputToken[],
) => Promise<void>;

/**
 * Decodes a prompt plainly and speculatively with the same options. Both are warmed up and run by
 * turns, so that neither pays for loading or for finding its number of threads, and what else the
 * machine does meets both.
 */
export async function compare(
  engine: Engine,
  prompt: string,
  options: GenerateOptions,
  watch: Watch,
): Promise<Comparison> {
  const plain: GenerateOptions = { ...options, stopRule: "none" };
  for (const each of [plain, options]) await engine.generate(prompt, each);

  const plainRuns: GenerationResult[] = [];
  const speculativeRuns: GenerationResult[] = [];
  for (let i = 0; i < repeats; ++i) {
    const watching = (side: "plain" | "speculative") => (tokens: readonly OutputToken[]) =>
      i === 0 ? watch(side, tokens) : Promise.resolve();
    plainRuns.push(await run(engine, prompt, plain, watching("plain")));
    speculativeRuns.push(await run(engine, prompt, options, watching("speculative")));
  }
  const sides = { plain: toSide(plainRuns), speculative: toSide(speculativeRuns) };
  return {
    ...sides,
    speedup: sides.speculative.tokensPerSecond / sides.plain.tokensPerSecond,
    identical: sides.plain.text === sides.speculative.text,
  };
}

async function run(
  engine: Engine,
  prompt: string,
  options: GenerateOptions,
  watch: (tokens: readonly OutputToken[]) => Promise<void>,
): Promise<GenerationResult> {
  const chunks = engine.stream(prompt, options);
  for (;;) {
    const next = await chunks.next();
    if (next.done) return next.value;
    await watch(next.value.tokens);
  }
}

function toSide(runs: readonly GenerationResult[]): Side {
  const [first] = runs;
  if (first === undefined) throw new Error("a side without runs");
  const speeds = runs.map(({ stats }) => stats.tokensPerSecond);
  return { ...first, tokensPerSecond: median(speeds), runs: speeds };
}
