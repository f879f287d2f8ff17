// Traces made in memory.

import type { TraceHeader, TraceRecord } from "../../../lib/trace/format";
import { encodeRecord, expandWalk, type StoredRecord } from "../../../lib/trace/record";
import { TraceWriter } from "../../../lib/trace/writer";

export interface Row {
  token: number;
  accepted: boolean;
  ratio: number;
  q?: number;
  mode?: number;
  margin?: number;
  entropy?: number;
}

export function header(more: Partial<TraceHeader> = {}): TraceHeader {
  return {
    format: 1,
    mode: "walk",
    fingerprints: { target: "", draft: "", vocabulary: "" },
    models: { target: "target.gguf", draft: "draft.gguf" },
    sampling: { temperature: 1 },
    verifier: "rejection",
    seed: 1,
    maxDraft: 3,
    stateWidth: 0,
    maxTokens: 10,
    prompts: { file: "prompts.jsonl", count: 2, fingerprint: "" },
    promptsPerShard: 1,
    arrays: [],
    ...more,
  };
}

/** A record of a reply and the rows of each of its starts. */
export function record(
  prompt: number,
  reply: readonly number[],
  starts: readonly (readonly Row[])[],
): TraceRecord {
  const rows = starts.flat();
  const column = (value: (row: Row) => number): Float32Array => Float32Array.from(rows, value);
  return {
    prompt,
    promptTokens: 5,
    replyTokens: Int32Array.from(reply),
    drafted: Uint8Array.from(starts, (start) => start.length),
    token: Int32Array.from(rows, ({ token }) => token),
    accepted: Uint8Array.from(rows, ({ accepted }) => Number(accepted)),
    ratio: column(({ ratio }) => ratio),
    logq: column(({ q = 0.5 }) => Math.log(q)),
    mode: column(({ mode = 0.5 }) => mode),
    margin: column(({ margin = 0.25 }) => margin),
    entropy: column(({ entropy = 1 }) => entropy),
    states: new Uint16Array(),
  };
}

/** Uniform in [0, 1), the same for a seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Synthetic {
  header: TraceHeader;
  stored: StoredRecord[];
  /** As readers get them. */
  records: TraceRecord[];
}

/**
 * Replies of random tokens in which easy and hard stretches alternate. A token's acceptance probability
 * is drawn around its stretch's; the draft's shape knows of it, with noise.
 */
export function syntheticTrace({
  prompts,
  replyTokens,
  maxDraft = 20,
  seed = 1,
}: {
  prompts: number;
  replyTokens: number;
  maxDraft?: number;
  seed?: number;
}): Synthetic {
  const random = randomOf(seed);
  const stored = Array.from({ length: prompts }, (_, prompt) =>
    syntheticRecord(prompt, replyTokens, maxDraft, random),
  );
  return {
    header: header({ maxDraft, maxTokens: replyTokens }),
    stored,
    records: stored.map((each) => expandWalk(each, maxDraft)),
  };
}

/** The dice are thrown once a position: one row where the draft meets the text, else a draft that has left it. */
function syntheticRecord(
  prompt: number,
  replyTokens: number,
  maxDraft: number,
  random: () => number,
): StoredRecord {
  const reply = Array.from({ length: replyTokens }, () => Math.floor(random() * 1000));
  const acceptance = reply.map((_, i) => {
    const ease = Math.floor(i / 12) % 2 === 0 ? 0.93 : 0.5;
    return Math.min(1, Math.max(0.02, ease + 0.5 * (random() - 0.5)));
  });
  const rowOf = (a: number, token: number, accepted: boolean): Row => {
    const mode = Math.min(0.999, Math.max(0.01, a + 0.3 * (random() - 0.5)));
    return { token, accepted, ratio: a, q: mode, mode, margin: mode / 2, entropy: 3 * (1 - mode) };
  };
  const starts = acceptance.map((a, i) => {
    const met = random() < a;
    const rows = met ? 1 : Math.min(maxDraft, replyTokens - i);
    return Array.from({ length: rows }, (_, j) =>
      rowOf(j === 0 ? a : random(), met ? (reply[i] ?? 0) : 5000, met),
    );
  });
  return { mixed: new Uint8Array(replyTokens), ...record(prompt, reply, starts) };
}

/** Writes a trace as the tracer does. */
export async function writeTrace(folder: string, { header, stored }: Synthetic): Promise<void> {
  const writer = await TraceWriter.open(folder, header);
  for (const each of stored) await writer.add(encodeRecord(each), each.token.length);
  await writer.finishShard(0, stored.length);
  await writer.close();
}
