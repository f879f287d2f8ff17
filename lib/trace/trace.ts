import { statfs } from "node:fs/promises";
import path from "node:path";
import { throwIfAborted } from "../abort";
import { downloaded } from "../download/resolve-model";
import { SpecdecError } from "../errors";
import { loadAddon } from "../native/load";
import { type ResolvedTrace, resolveTrace, type TraceOptions } from "./options";
import { collect } from "./collect";
import {
  modelFingerprint,
  promptSeed,
  promptsFingerprint,
  vocabularyFingerprint,
} from "./fingerprint";
import { traceArrays, traceFormat, type TraceHeader } from "./format";
import { lockFolder } from "./lock";
import { loadPair, type TracedPair } from "./pair";
import { readPrompts } from "./prompts";
import { encodeRecord, replyTokenBytes, rowBytes } from "./record";
import { TraceWriter } from "./writer";

/** A killed run loses what it was at of a shard, so one holds a few minutes' work at most. */
const promptsPerShard = 16;
const shardBytes = 2 ** 24;

export interface TraceResult {
  out: string;
  prompts: number;
  /** Of these, too long for the contexts. */
  skipped: number;
  /** Rows and bytes of the whole trace. */
  rows: number;
  sizeBytes: number;
  /** Tokens of replies that this call has traced, and what it took. */
  tokens: number;
  millis: number;
}

interface Prompt {
  /** In the file. */
  index: number;
  tokens: Int32Array;
}

/**
 * Has the target reply to prompts, drafts beside the replies, and writes what happened to a folder
 * (lib/trace/format.ts has the format): what stop rules are replayed on and acceptance heads learn
 * from. Called again with the same options it goes on where it was, and the folder ends with the same
 * bytes as if it had never been stopped.
 *
 * Rejects with a SpecdecError: ERR_BUSY (another process or call is writing to the folder),
 * ERR_TRACE_MISMATCH (it holds a trace of other options), ERR_WRITE, ERR_TRACE_BROKEN, ERR_ABORTED,
 * ERR_CONTEXT_FULL (no prompt fits), or as createEngine.
 */
export async function trace(given: TraceOptions): Promise<TraceResult> {
  const options = await downloaded(resolveTrace(given), given);
  const prompts = await selectPrompts(options);
  // Before the models are loaded, which may take long.
  await using lock = await lockFolder(options.out, given.signal);
  const pair = await loadPair(options, given);
  try {
    const header = await makeHeader(options, prompts, pair);
    const writer = await TraceWriter.open(options.out, header, lock.lost);
    try {
      return await run(options, given, prompts, pair, writer);
    } finally {
      await writer.close();
    }
  } finally {
    pair.dispose();
  }
}

async function selectPrompts(options: ResolvedTrace): Promise<string[]> {
  const { offset, limit } = options;
  const all = await readPrompts(options.prompts, options.template);
  if (offset >= all.length) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `offset must be less than the ${all.length} prompts of ${options.prompts}, but is ${offset}.`,
    );
  }
  return all.slice(offset, offset + limit);
}

async function makeHeader(
  options: ResolvedTrace,
  prompts: readonly string[],
  { target, draft, contextSize: size }: TracedPair,
): Promise<TraceHeader> {
  const { seed, logitBias, ...sampling } = options.sampling;
  const settings = ({
    threads,
    gpuLayers,
    devices,
    kvTypeK,
    kvTypeV,
  }: ResolvedTrace["target"]) => ({
    threads,
    gpuLayers,
    devices,
    kvTypeK,
    kvTypeV,
  });
  return {
    format: traceFormat,
    mode: options.mode,
    fingerprints: {
      target: await modelFingerprint(options.target.path),
      draft: await modelFingerprint(options.draft.path),
      vocabulary: vocabularyFingerprint(target),
    },
    models: { target: options.target.path, draft: options.draft.path },
    sampling: {
      ...sampling,
      // JSON has no infinity.
      logitBias: Object.fromEntries(logitBias.map(([token, bias]) => [token, String(bias)])),
    },
    verifier: options.sampling.temperature === 0 ? "greedy" : options.verifier,
    seed,
    maxDraft: options.maxDraft,
    stateWidth: options.states ? draft.info.stateWidth : 0,
    maxTokens: options.maxTokens,
    prompts: {
      file: options.prompts,
      from: options.offset,
      count: prompts.length,
      fingerprint: promptsFingerprint(prompts),
      ...(options.template !== undefined && { template: options.template }),
    },
    promptsPerShard,
    engine: {
      llamaCpp: loadAddon().release,
      contextSize: size,
      target: settings(options.target),
      draft: settings(options.draft),
    },
    arrays: traceArrays,
  };
}

async function run(
  options: ResolvedTrace,
  { onStart, onProgress, signal }: TraceOptions,
  texts: readonly string[],
  pair: TracedPair,
  writer: TraceWriter,
): Promise<TraceResult> {
  const prompts = texts.map((text, i) => ({
    index: options.offset + i,
    tokens: pair.target.tokenize(text, true),
  }));
  const end = options.offset + prompts.length;
  const fits = ({ tokens }: Prompt): boolean =>
    tokens.length + options.maxTokens + options.maxDraft <= pair.contextSize;
  const fitting = prompts.filter(fits).length;
  const skipped = prompts.length - fitting;
  if (fitting === 0) throw noPromptFits(options, prompts, pair.contextSize);

  let from = writer.next ?? options.offset; // of the shard that is written now
  let traced = prompts.filter((prompt) => prompt.index < from && fits(prompt)).length;
  const expectedBytes = (): number =>
    traced > 0
      ? Math.ceil((writer.sizeBytes / traced) * fitting)
      : fullBytes(options, pair.draft.info.stateWidth, fitting);
  onStart?.({
    prompts: prompts.length,
    done: from - options.offset,
    skipped,
    expectedBytes: expectedBytes(),
    freeBytes: await freeBytes(options.out),
  });
  const start = performance.now();
  let tokens = 0;
  for (const prompt of prompts.slice(from - options.offset)) {
    throwIfAborted(signal);
    if (fits(prompt)) {
      const seed = promptSeed(options.sampling.seed, prompt.index);
      const sampling = { ...options.sampling, seed };
      const record = await collect(pair.session, prompt, sampling, options, signal);
      await writer.add(encodeRecord(record), record.token.length);
      tokens += record.replyTokens.length;
      traced += 1;
    }
    const to = prompt.index + 1;
    if (to - from >= promptsPerShard || writer.shardBytes >= shardBytes || to === end) {
      await writer.finishShard(from, to);
      from = to;
    }
    onProgress?.({
      prompts: prompts.length,
      done: to - options.offset,
      tokens,
      rows: writer.rows,
      sizeBytes: writer.sizeBytes,
      expectedBytes: expectedBytes(),
    });
  }
  return {
    out: options.out,
    prompts: prompts.length,
    skipped,
    rows: writer.rows,
    sizeBytes: writer.sizeBytes,
    tokens,
    millis: performance.now() - start,
  };
}

function noPromptFits(
  { maxTokens, maxDraft }: ResolvedTrace,
  prompts: readonly Prompt[],
  size: number,
): SpecdecError {
  const shortest = Math.min(...prompts.map(({ tokens }) => tokens.length));
  return new SpecdecError(
    "ERR_CONTEXT_FULL",
    `No prompt fits: the shortest has ${shortest} tokens, a reply up to ${maxTokens} and a draft ${maxDraft}, but the contexts hold ${size}. Ask for a larger contextSize, or a smaller maxTokens.`,
  );
}

/** How often a draft leaves the text, for the estimate. */
const usualRejection = 0.25;

/** What a trace takes if all replies have maxTokens. */
function fullBytes(options: ResolvedTrace, width: number, prompts: number): number {
  const { mode, maxDraft, maxTokens } = options;
  const stateBytes = options.states ? 2 * width : 0;
  const ofRows = (rows: number): number => rows * (rowBytes + stateBytes) + stateBytes;
  const perToken = {
    walk: (1 - usualRejection) * ofRows(1) + usualRejection * ofRows(maxDraft),
    rounds: usualRejection * ofRows(maxDraft),
    paper: ofRows(1),
  }[mode];
  return Math.ceil(prompts * maxTokens * (replyTokenBytes + perToken));
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(path.resolve(folder));
  return bavail * bsize;
}
