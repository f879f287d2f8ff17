// The format of a trace: a folder with header.json, shard files, and index.jsonl, which has a line for
// each shard that is complete. A shard holds whole prompts; a killed process loses the shard it was at.
//
// What is told are drafts beside replies that the target wrote by plain decoding (walk, paper), or by
// rounds (rounds). A start is a position of a reply from which the draft drafts; its rows are what it
// drafts, one row a token.
//
// walk    From every position up to maxDraft tokens, coupled to the text: while the draft is on the text
//         X, Y = X with probability min(1, q(X)/p(X)), else Y ~ norm((q - p)+), and from there on Y ~ q.
//         This has the law of drafting and verifying by rejection sampling. A draft ends after a token
//         that ends the generation; where the reply was cut by maxTokens, it also ends with the reply.
//         The dice are thrown once for each position of the text and shared by the starts before it.
//         Rounds that follow one another put no position's dice to use twice, so a replay has the law of
//         life; drafts of different starts, though, are not independent of one another.
// rounds  From where rounds of maxDraft tokens started, under the verifier served.
// paper   From every position one token, Y ~ q(.|X), as SpecDec++ trains on (arXiv 2405.19715, section
//         3.2). The states are those of a mixed sequence: the drafted token where `mixed` is 1, at 85 %
//         of positions, the reply's where it is 0.
//
// A shard is a sequence of records, one a prompt, little-endian, without padding:
//
//   u32 prompt        index in the prompts' file
//   u32 promptTokens
//   u32 reply         n, tokens of the reply
//   u32 rows          R, rows stored for all starts
//   i32 replyTokens   [n]
//   u8  stored        [n]    rows stored for each start; sums up to R
//   u8  mixed         [n]    paper: whether the mixed sequence has the drafted token; else 0
//   i32 token         [R]    the rows of start 0, then of start 1, …
//   u8  accepted      [R]    1: accepted, as all before it in the row's draft; paper: equal to the reply's
//   f32 ratio         [R]    p/q, not capped; at temperature 0: 1 if the target agrees, else 0. Under the
//                            verifier "match", where the draft is certain of its token: p
//   f32 logq          [R]    ln of the token's probability under the draft
//   f32 mode          [R]    the draft's largest probability
//   f32 margin        [R]    the largest less the second largest
//   f32 entropy       [R]    nats
//   f16 states        [R + starts with rows][width]   the draft's hidden states after the final norm: for
//                            each start with K rows K + 1 of them, the state before the first row (the one
//                            that q of the first token comes from), then the state after each row
//
// In walks a start whose one stored row is accepted goes on with the rows of the next start, as long as
// there are any and up to maxDraft rows in all; readTrace puts them together.
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
  /** from, count: which prompts of the file; fingerprint: SHA-256 of these, as the models get them. */
  prompts: { file: string; from?: number; count: number; fingerprint: string; template?: string };
  /** A shard has so many prompts, or fewer if these are long. */
  promptsPerShard: number;
  /** How the models were run: what rounding may depend on. */
  engine?: Record<string, unknown>;
  /** The name and type of each array of a record, for readers in other languages. */
  arrays: TraceArray[];
}

export interface TraceArray {
  name: string;
  type: "u8" | "u32" | "i32" | "f16" | "f32";
  /** In the letters of the comment above. */
  shape: string;
}

export const traceArrays: TraceArray[] = [
  { name: "prompt", type: "u32", shape: "1" },
  { name: "promptTokens", type: "u32", shape: "1" },
  { name: "reply", type: "u32", shape: "1" },
  { name: "rows", type: "u32", shape: "1" },
  { name: "replyTokens", type: "i32", shape: "reply" },
  { name: "stored", type: "u8", shape: "reply" },
  { name: "mixed", type: "u8", shape: "reply" },
  { name: "token", type: "i32", shape: "rows" },
  { name: "accepted", type: "u8", shape: "rows" },
  { name: "ratio", type: "f32", shape: "rows" },
  { name: "logq", type: "f32", shape: "rows" },
  { name: "mode", type: "f32", shape: "rows" },
  { name: "margin", type: "f32", shape: "rows" },
  { name: "entropy", type: "f32", shape: "rows" },
  { name: "states", type: "f16", shape: "(rows + number of stored > 0) × stateWidth" },
];

/** A line of index.jsonl. */
export interface ShardEntry {
  file: string;
  /** Prompts [from, to) of the prompts' file. One that is too long for the contexts has no record. */
  from: number;
  to: number;
  /** Rows stored. */
  rows: number;
  bytes: number;
  sha256: string;
}

/** A record as readers get it: in walks, the rows of each start are put together from those stored. */
export interface TraceRecord {
  prompt: number;
  promptTokens: number;
  replyTokens: Int32Array;
  /** [n] rows of each start; sums up to R */
  drafted: Uint8Array;
  /** [n] in mode paper */
  mixed?: Uint8Array;
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
