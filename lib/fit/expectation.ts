// What to expect of a pair on this machine: prices are measured, a few replies are walked, and fixed
// draft lengths are replayed on the walks at these prices.

import { calibrate } from "../cost/calibrate";
import { pricesAt } from "../cost/cost-table";
import { type Prices, verifyMicros } from "../cost/prices";
import { downloaded } from "../download/resolve-model";
import { type EngineOptions, resolveEngine } from "../engine-options";
import { SpecdecError } from "../errors";
import { resolveSampling } from "../options";
import { replayRecords } from "../replay/replay";
import type { RuleReport } from "../replay/report";
import { collect } from "../trace/collect";
import type { TraceRecord } from "../trace/format";
import { loadPair, type TracedPair } from "../trace/pair";
import { expandWalk } from "../trace/record";

export interface ExpectationOptions {
  /** With a draft. */
  engine: EngineOptions;
  prompts: readonly string[];
  temperature: number;
  /** How long to measure; loading is not counted, and what is begun is finished. */
  seconds: number;
  onProgress: (fraction: number) => void;
  signal: AbortSignal;
}

/** A fixed draft length at the measured prices; K = 0 is plain decoding. */
export interface LengthExpectation {
  K: number;
  tokensPerSecond: number;
  /** Over plain decoding, with a 95 % interval over prompts; the interval needs several. */
  speedup: { value: number; low?: number | undefined; high?: number | undefined };
  /** Of the drafted tokens; none without any. */
  acceptance?: number;
  /** V(K). */
  verifyMicros: number;
}

export interface Expectation {
  /** Replies that were looked at, and their tokens. */
  prompts: number;
  tokens: number;
  /** t_d. */
  draftStepMicros: number;
  /** By K, from 0. */
  lengths: LengthExpectation[];
  /** The K with the most tokens a second. */
  bestK: number;
}

/** The part of the time that goes into prices. */
const pricesShare = 0.5;
/** Tokens of a reply: enough for rounds to follow one another; no more, so that replies are several. */
const leastTokens = 8;
const mostTokens = 64;
const prefillTokens = 32;

/** Rejects as createEngine does, and with ERR_CONTEXT_FULL or ERR_DECODE. */
export async function expectationOf(options: ExpectationOptions): Promise<Expectation> {
  const { engine, seconds, onProgress, signal } = options;
  const { costs } = await calibrate({
    ...engine,
    draft: engine.draft ?? "", // which calibrate refuses
    seconds: Math.max(1, pricesShare * seconds),
    signal,
    onProgress: (fraction) => {
      onProgress(pricesShare * fraction);
    },
  });
  const walked = await walk(options, (length) => pricesAt(costs, length));
  const { maxDraft, maxTokens, records, temperature, meanContext } = walked;
  const prices = pricesAt(costs, meanContext);
  const { sweeps } = replayRecords(
    {
      mode: "walk",
      models: { target: "", draft: "" },
      sampling: { temperature },
      verifier: temperature === 0 ? "greedy" : "rejection",
      maxDraft,
      maxTokens,
    },
    records,
    prices,
    { sweeps: ["fixed"] },
  );
  const points = sweeps[0]?.points ?? [];
  const lengths = points.map((report) => describe(report, prices));
  const best = lengths.reduce((a, b) => (b.tokensPerSecond > a.tokensPerSecond ? b : a));
  return {
    prompts: records.length,
    tokens: records.reduce((sum, { replyTokens }) => sum + replyTokens.length, 0),
    draftStepMicros: prices.draftStepMicros,
    lengths,
    bestK: best.K,
  };
}

function describe(report: RuleReport, prices: Prices): LengthExpectation {
  const K = Number(report.rule.split(":")[1] ?? 0); // "none" is 0
  const { value, low, high } = report.speedup;
  return {
    K,
    tokensPerSecond: report.tokensPerSecond.value,
    speedup: { value, low, high },
    ...(report.drafted > 0 && {
      acceptance: (report.generated - report.passes) / report.drafted,
    }),
    verifyMicros: verifyMicros(prices, K),
  };
}

interface Walks {
  records: TraceRecord[];
  maxDraft: number;
  maxTokens: number;
  temperature: number;
  /** Tokens before a round, on average. */
  meanContext: number;
}

/** Walks along as many replies as the time has room for, at least one. */
async function walk(
  { engine, prompts, temperature, seconds, onProgress, signal }: ExpectationOptions,
  pricesOf: (contextLength: number) => Prices,
): Promise<Walks> {
  const { target, draft, maxDraft } = await downloaded(resolveEngine(engine), engine);
  if (draft === undefined) throw new Error("a pair without its draft"); // calibrate refused it
  const pair = await loadPair({ target, draft, maxDraft }, { signal });
  try {
    const millis = (1 - pricesShare) * seconds * 1000;
    const maxTokens = replyLength(pricesOf(prefillTokens), maxDraft, millis / prompts.length);
    const fitting = fittingPrompts(pair, prompts, maxTokens + maxDraft);
    const records: TraceRecord[] = [];
    const start = performance.now();
    for (const [index, tokens] of fitting.entries()) {
      const share = (performance.now() - start) / millis;
      onProgress(Math.min(1, pricesShare + (1 - pricesShare) * share));
      if (index > 0 && share >= 1) break;
      const sampling = resolveSampling({ temperature, seed: index });
      const settings = { mode: "walk", maxDraft, maxTokens, states: false } as const;
      const record = await collect(
        pair.session,
        { index, tokens },
        sampling,
        { ...settings, verifier: "rejection" },
        signal,
      );
      records.push(expandWalk(record, maxDraft));
    }
    const lengths = records.map((record) => record.promptTokens + record.replyTokens.length / 2);
    const meanContext = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    return { records, maxDraft, maxTokens, temperature, meanContext };
  } finally {
    pair.dispose();
  }
}

/** Tokens that a reply can have in the time: each costs a pass, and some a draft beside it and its verification. */
function replyLength(prices: Prices, maxDraft: number, millis: number): number {
  const aside = maxDraft * prices.draftStepMicros + verifyMicros(prices, maxDraft);
  const perToken = (verifyMicros(prices, 0) + aside / 2) / 1000;
  return Math.max(leastTokens, Math.min(mostTokens, Math.floor(millis / perToken)));
}

function fittingPrompts(pair: TracedPair, prompts: readonly string[], room: number): Int32Array[] {
  const all = prompts.map((prompt) => pair.target.tokenize(prompt, true));
  const fitting = all.filter((tokens) => tokens.length + room <= pair.contextSize);
  if (fitting.length > 0) return fitting;
  const shortest = Math.min(...all.map(({ length }) => length));
  throw new SpecdecError(
    "ERR_CONTEXT_FULL",
    `No prompt fits: the shortest has ${shortest} tokens, and a reply with a draft up to ${room}, but the contexts hold ${pair.contextSize}. Ask for a larger contextSize, or give shorter prompts.`,
  );
}
