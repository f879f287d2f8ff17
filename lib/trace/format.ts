// The format of a trace: a folder with header.json, shard files, and index.jsonl, which has a line for
// each shard that is complete. A shard holds whole prompts; a killed process loses the shard it was at.
//
// A shard is a sequence of records, one a prompt, little-endian, without padding:
//
//   u32 prompt        index in the prompts' file
//   u32 promptTokens
//   u32 reply         n, tokens of the reply
//   u32 rows          R, drafted tokens over all starts
//   i32 replyTokens   [n]
//   u8  drafted       [n]    drafted tokens from each start; sums up to R
//   u8  flags         [n]    bit 0: the text's next token after a full acceptance was drawn by the target
//                            (always set in walks); other bits are 0
//   i32 token         [R]    the rows of start 0, then of start 1, …
//   u8  accepted      [R]    1: the token was accepted, given that those before it in the row's start were
//   f32 ratio         [R]    p/q, not capped; at temperature 0: 1 if the target agrees, else 0
//   f16 logq          [R]    ln of the token's probability under the draft
//   f16 mode          [R]    the draft's largest probability
//   f16 margin        [R]    the largest less the second largest
//   f16 entropy       [R]    nats
//   f16 states        [R + starts with rows][width]   the draft's hidden states after the final norm: for
//                            each start with K rows K + 1 of them, the state before the first row (the one
//                            that q of the first token comes from), then the state after each row
//
// `states` is there only if width > 0. Probabilities are those that are sampled from; at temperature 0,
// where these are certain, those of temperature 1.

export const traceFormat = 1;

export type TraceMode = "walk" | "rounds" | "paper";

export interface TraceHeader {
  format: typeof traceFormat;
  mode: TraceMode;
  /** Of the target, the draft and their vocabulary: SHA-256 of what identifies them. */
  fingerprints: { target: string; draft: string; vocabulary: string };
  models: { target: string; draft: string };
  /** The settings that the reply was sampled with, as `generate` takes them. */
  sampling: Record<string, unknown>;
  verifier: string;
  seed: number;
  /** The longest draft from a start. */
  maxDraft: number;
  /** Width of a hidden state; 0: none are stored. */
  stateWidth: number;
  maxTokens: number;
  prompts: { file: string; count: number; fingerprint: string };
  promptsPerShard: number;
  /** The name and type of each array of a record, for readers in other languages. */
  arrays: { name: string; type: "u8" | "u32" | "i32" | "f16" | "f32"; shape: string }[];
}

/** A line of index.jsonl. */
export interface ShardEntry {
  file: string;
  /** Prompts [from, to) of the prompts' file. */
  from: number;
  to: number;
  rows: number;
  bytes: number;
  sha256: string;
}

/** A record as readers get it. */
export interface TraceRecord {
  prompt: number;
  promptTokens: number;
  replyTokens: Int32Array;
  /** [n] */
  drafted: Uint8Array;
  /** [R] each */
  token: Int32Array;
  accepted: Uint8Array;
  ratio: Float32Array;
  logq: Float32Array;
  mode: Float32Array;
  margin: Float32Array;
  entropy: Float32Array;
  /** [(R + starts with rows) × width], as stored: half precision bits; empty without states. */
  states: Uint16Array;
}
