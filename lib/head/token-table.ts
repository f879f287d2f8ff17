// What a head knows of the token drawn, beside its probability: some numbers out of the draft's own
// embedding of it, the directions in which embeddings differ most. The table of all tokens is in the head's
// file, so that an engine needs nothing of the draft's.

import { SpecdecError } from "../errors";
import { checkModelFile } from "../model";
import { callAsync } from "../native/call";
import { loadAddon } from "../native/load";
import { uniform } from "../random";
import { modelFingerprint } from "../trace/fingerprint";
import type { TraceHeader } from "../trace/format";
import type { HeadExamples } from "./examples";
import { principalDirections, projectOn } from "./principal-directions";

export interface TokenTable {
  /** Of its rows: "drawn.token.0", … */
  columns: string[];
  /** [vocabulary][columns] */
  numbers: Float32Array;
}

export const noTokens: TokenTable = { columns: [], numbers: new Float32Array() };

/** Tokens whose embeddings the directions are found by, and that are read at a time. */
const atOnce = 4096;

/**
 * The table of a draft. Rejects with ERR_FILE_NOT_FOUND, ERR_TRACE_MISMATCH (not the draft of the traces),
 * ERR_UNSUPPORTED_MODEL or ERR_MODEL_LOAD.
 */
export async function makeTokenTable(
  draft: string,
  { fingerprints }: Pick<TraceHeader, "fingerprints">,
  rank: number,
  seed: number,
): Promise<TokenTable> {
  const remedy = "Give the traces' draft, or let the head have no token columns.";
  try {
    checkModelFile(draft);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `A head knows tokens by the draft's embeddings of them. ${message} ${remedy}`,
      { cause },
    );
  }
  if ((await modelFingerprint(draft)) !== fingerprints.draft) {
    throw new SpecdecError(
      "ERR_TRACE_MISMATCH",
      `${draft} is not the draft that the traces are of. ${remedy}`,
    );
  }
  const read = (tokens: Int32Array) => callAsync(() => loadAddon().tokenEmbeddings(draft, tokens));
  const { width, vocabularySize } = await read(new Int32Array());
  const random = uniform(seed);
  const stride = Math.max(1, vocabularySize / atOnce);
  const sample = Int32Array.from({ length: Math.min(atOnce, vocabularySize) }, (_, i) =>
    Math.floor(i * stride),
  );
  const points = (await read(sample)).numbers;
  const mean = centre(points, width);
  const count = Math.min(rank, width, sample.length);
  const directions = principalDirections(points, width, count, random);

  const numbers = new Float32Array(vocabularySize * count);
  for (let from = 0; from < vocabularySize; from += atOnce) {
    const tokens = Int32Array.from(
      { length: Math.min(atOnce, vocabularySize - from) },
      (_, i) => from + i,
    );
    const embeddings = (await read(tokens)).numbers;
    for (let i = 0; i < tokens.length; ++i) {
      const row = embeddings.subarray(i * width, (i + 1) * width);
      const at = (from + i) * count;
      projectOn(
        directions,
        row.map((each, j) => each - (mean[j] ?? 0)),
        numbers.subarray(at, at + count),
      );
    }
  }
  return { columns: Array.from({ length: count }, (_, i) => `drawn.token.${i}`), numbers };
}

/** Takes the mean of points [n][d] off each, and returns it. */
function centre(points: Float32Array, d: number): Float64Array {
  const n = points.length / d;
  const mean = new Float64Array(d);
  for (let i = 0; i < points.length; ++i) mean[i % d] = (mean[i % d] ?? 0) + (points[i] ?? 0) / n;
  for (let i = 0; i < points.length; ++i) points[i] = (points[i] ?? 0) - (mean[i % d] ?? 0);
  return mean;
}

/** Examples whose columns have a table's behind them. */
export function withTokens(examples: HeadExamples, table: TokenTable): HeadExamples {
  const columns = [...examples.columns, ...table.columns];
  const { columns: known, scalars, token } = examples;
  return {
    ...examples,
    columns,
    scalars: scalarsOf(columns, table.numbers, known, scalars, token),
  };
}

/**
 * The scalars [n][columns] of a head, in its order, out of those that the addon knows, [n][known], and of a
 * head's table of tokens.
 */
export function scalarsOf(
  columns: readonly string[],
  table: Float32Array,
  known: readonly string[],
  scalars: Float32Array,
  tokens: Int32Array,
): Float32Array {
  const rank = columns.filter((name) => name.startsWith("drawn.token.")).length;
  const m = columns.length;
  const result = new Float32Array(tokens.length * m);
  for (const [j, name] of columns.entries()) {
    const at = known.indexOf(name);
    const ofToken = at < 0 ? Number(name.slice("drawn.token.".length)) : NaN;
    for (let i = 0; i < tokens.length; ++i) {
      result[i * m + j] =
        (at < 0 ? table[(tokens[i] ?? 0) * rank + ofToken] : scalars[i * known.length + at]) ?? NaN;
    }
  }
  return result;
}
