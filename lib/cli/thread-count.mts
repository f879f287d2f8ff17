import { availableParallelism } from "node:os";
import { loadEngine } from "./options.mjs";

/** Nothing that is measured here should take longer. */
const patienceMillis = 60_000;

/**
 * The number of threads that decodes plainly fastest: 1, 2, 4, … as long as more are faster. On
 * shared or busy cores that is fewer than there are, and a speedup over a slower choice would flatter.
 */
export async function fastestThreads(target: string, signal: AbortSignal): Promise<number> {
  const cores = availableParallelism();
  let best = { threads: 1, millis: await timeOf(target, 1, patienceMillis, signal) };
  while (best.threads < cores) {
    const threads = Math.min(2 * best.threads, cores);
    const millis = await timeOf(target, threads, best.millis, signal);
    if (millis >= best.millis) break;
    best = { threads, millis };
  }
  return best.threads;
}

/** Milliseconds that a short text takes; Infinity if that is more than `limitMillis` by far. */
async function timeOf(
  path: string,
  threads: number,
  limitMillis: number,
  signal: AbortSignal,
): Promise<number> {
  await using engine = await loadEngine({ target: { path, threads } }, signal);
  // Threads that wait for a busy core can make a token take a thousand times as long.
  const limit = AbortSignal.timeout(Math.ceil(3 * limitMillis));
  const options = { signal: AbortSignal.any([signal, limit]) };
  try {
    await engine.generate("1, 2, 3", { ...options, maxTokens: 4 }); // brings the weights into memory
    const { stats } = await engine.generate("1, 2, 3", { ...options, maxTokens: 16 });
    return (1000 * stats.generated) / stats.tokensPerSecond;
  } catch (error) {
    if (limit.aborted && !signal.aborted) return Infinity;
    throw error;
  }
}
