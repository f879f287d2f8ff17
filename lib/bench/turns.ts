import type { Engine } from "../engine";
import { SpecdecError } from "../errors";
import type { GenerateOptions } from "../options";
import type { GenerationStats } from "../stats";
import type { TimedText } from "./speeds";

/** What a rule did over all turns: its texts in their order, and what its rounds came to. */
export interface RuleRun {
  rule: string;
  texts: TimedText[];
  targetPasses: number;
  drafted: number;
  accepted: number;
}

export interface TurnOptions {
  rules: readonly string[];
  prompts: readonly (readonly number[])[];
  /** Without stopRule, seed and signal. */
  generation: GenerateOptions;
  seed: number;
  /** When to end, in milliseconds from now. */
  millis: number;
  signal?: AbortSignal | undefined;
  /** Called before each text. fraction: 0…1 of the time. */
  onProgress: (fraction: number) => void;
}

/** Tokens that each rule generates before it is timed: pages come in, the number of threads is found. */
const warmupTokens = 16;

/**
 * Has every rule generate from each prompt in turn, from one prompt after the other and over again,
 * until the time is over. A turn has all rules, in a new random order, with the same seed; one that the
 * end cuts off is dropped. Rejects with ERR_INVALID_ARGUMENT if not one turn was complete.
 */
export async function takeTurns(engine: Engine, options: TurnOptions): Promise<RuleRun[]> {
  const { rules, prompts, generation, seed, millis, signal, onProgress } = options;
  const start = performance.now();
  const timeUp = AbortSignal.timeout(millis);
  const ended = AbortSignal.any([timeUp, ...(signal ? [signal] : [])]);
  const generate = async (turn: number, rule: string, more: GenerateOptions = {}) => {
    onProgress(Math.min(1, (performance.now() - start) / millis));
    const prompt = prompts[turn % prompts.length] ?? [];
    const { stats } = await engine.generate(prompt, {
      ...generation,
      ...more,
      stopRule: rule,
      seed: seed + turn,
      signal: ended,
    });
    return stats;
  };

  const turns: Map<string, GenerationStats>[] = [];
  try {
    const few = Math.min(warmupTokens, generation.maxTokens ?? Infinity);
    for (const rule of rules) await generate(0, rule, { maxTokens: few });
    for (;;) {
      const turn = new Map<string, GenerationStats>();
      for (const rule of shuffled(rules)) turn.set(rule, await generate(turns.length, rule));
      turns.push(turn);
    }
  } catch (error) {
    if (!timeUp.aborted || signal?.aborted === true) throw error;
  }
  if (turns.length === 0) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `Not all rules could generate a text within ${millis / 1000} seconds. Give more seconds, fewer rules, or a smaller maxTokens.`,
    );
  }
  return rules.map((rule) => runOf(rule, turns));
}

function runOf(rule: string, turns: readonly ReadonlyMap<string, GenerationStats>[]): RuleRun {
  const all = turns.flatMap((turn) => turn.get(rule) ?? []);
  const sum = (key: "targetPasses" | "drafted" | "accepted"): number =>
    all.reduce((total, stats) => total + stats[key], 0);
  return {
    rule,
    texts: all.map(({ generated, tokensPerSecond }) => ({
      generated,
      millis: (1000 * generated) / tokensPerSecond,
    })),
    targetPasses: sum("targetPasses"),
    drafted: sum("drafted"),
    accepted: sum("accepted"),
  };
}

/** In a random order: none that repeats could meet the machine's own rhythm. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
