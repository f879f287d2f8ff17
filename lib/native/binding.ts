// The addon's whole surface. lib/ checks what values mean; the addon checks kinds, handles and state.
// Tokens cross as Int32Array, always copied. Every promise rejects with an error that has a `code`.

export interface NativeAddon {
  /** llama.cpp's release that it was built for, such as "0.4.0". */
  readonly release: string;
  /** Loads the backends of a folder. */
  loadBackends(directory: string): void;
  /** Loads a further module; returns why it brings no device here, "" if it brings one. */
  loadModule(file: string): string;
  devices(): Device[];
  deepen(input: string, output: string, layers: number): Promise<void>;
  quantize(input: string, output: string, type: string, threads: number): Promise<void>;
  readonly Model: new (options: NativeModelOptions) => NativeModel;
  readonly Session: new (options: NativeSessionOptions) => NativeSession;
  readonly HeadTrainer: new (options: NativeHeadTrainerOptions) => NativeHeadTrainer;
  readonly AcceptanceHead: new (path: string) => NativeAcceptanceHead;
  /** The names of what headScalars() gives, in its order. */
  readonly headColumns: readonly string[];
  /**
   * What a head may know beside the state, of every step of some drafts at whose end a token was drawn.
   * lengths: [drafts], tokens of each; rows: [sum of lengths][4], of each token ln q(token), and the mode, margin
   * and entropy of the q that it was drawn from. Gives [sum of lengths][headColumns.length], not standardized.
   */
  headScalars(lengths: Uint8Array, rows: Float32Array, temperature: number): Float32Array;
  /** Input embeddings of tokens, [tokens][width], out of a model's file. */
  tokenEmbeddings(
    path: string,
    tokens: Int32Array,
  ): Promise<{ width: number; vocabularySize: number; numbers: Float32Array }>;
}

export interface Device {
  /** What the `devices` option takes: "CPU", "CUDA0", "Vulkan0", … */
  name: string;
  description: string;
  type: "cpu" | "gpu" | "integrated-gpu" | "accelerator";
  memoryFreeBytes: number;
  memoryTotalBytes: number;
}

export interface NativeModelOptions {
  path: string;
  /** -1: all. */
  gpuLayers: number;
  devices: string[];
  mmap: boolean;
  mlock: boolean;
}

export interface ModelInfo {
  architecture: string;
  /** Such as "llama 7B Q8_0". */
  description: string;
  usesGpu: boolean;
  vocabularySize: number;
  trainedContextSize: number;
  layers: number;
  parameters: number;
  sizeBytes: number;
  /** Numbers that one token keeps in the K cache and in the V cache, over all layers. */
  cacheWidthK: number;
  cacheWidthV: number;
  /** Numbers of a hidden state after the final norm. */
  stateWidth: number;
}

export interface NativeModel {
  load(): Promise<ModelInfo>;
  /** 0…1, while load() runs. */
  loadProgress(): number;
  abortLoad(): void;
  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): Int32Array;
  /** The bytes of one token, not necessarily whole UTF-8; none for control tokens. */
  piece(token: number): Uint8Array;
  /** A value of the file's header as text; "" if it is not there. */
  metadata(key: string): string;
  /** What chat templates write for the tokens that begin and end a sequence ("" if there is none), and all texts of control tokens. */
  specialTexts(): { begin: string; end: string; control: string[] };
  dispose(): void;
}

export interface NativeContextOptions {
  contextSize: number;
  threads: number;
  /** Use fewer threads where that is faster. */
  adaptThreads: boolean;
  kvTypeK: string;
  kvTypeV: string;
}

export interface NativeSessionOptions {
  target: NativeModel;
  targetContext: NativeContextOptions;
  draft?: NativeModel;
  draftContext?: NativeContextOptions;
  /** Of the draft. open() throws ERR_HEAD_MISMATCH for one that reads other states. */
  head?: NativeAcceptanceHead;
  /** The longest draft a round may have. */
  maxDraft: number;
  /** Whether walks will be asked for. */
  walks?: boolean;
}

export interface NativeSampling {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repeatPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  penaltyWindow: number;
  /** Of the draft's distribution alone. */
  draftTopK: number;
  logitBias: (readonly [token: number, bias: number])[];
  seed: number;
}

/**
 * Why a round stopped drafting: "length", the rule's; "gate", the rule's; "end", the draft ended the
 * text; "room", maxTokens or a context leaves no more; "none", nothing was to be drafted.
 */
export type StopReason = "length" | "gate" | "end" | "room" | "none";

/**
 * lib/policy/policy.ts has the public form. Its estimates have nine numbers each: bias, logitMode, rootEntropy,
 * margin, logRatio, logProbability, logOthers, head (of the logit of the token that is asked about; that of next
 * weighs the logit of the newest), and the link, 0 "identity", 1 "logistic", 2 "exponential".
 */
export interface NativeStopRule {
  length: number;
  /** Whether it asks after a draw and whether about the product, 0 or 1; the threshold; the estimate. */
  gate?: Float64Array;
  /**
   * Four estimates, newest, older, before and next; then the thresholds of a step by drawn tokens, and as many of
   * a draw.
   */
  survival?: Float64Array;
}

/** What is the same for all rounds of a text. */
export interface NativeTextOptions {
  verifier: string;
  logProbabilities: boolean;
  /** Return the rows of drafts. */
  details: boolean;
  /** Return the states of drafts. */
  states: boolean;
  /** Keep in the caches what the prompt begins with of the text before. */
  reuse: boolean;
}

/**
 * Columns of a row of `draft`: token, q, mode, margin, entropy, p, acceptance; then the head's logits of the token
 * by its outputs older, before and newest, NaN where there is none: without a head, without such an output, and of
 * older for the last token, which the draft has not read.
 */
export const draftColumns = 10;

/** What lib/native/round.ts reads. */
export type NativeRound = Float64Array;

export interface NativeWalkOptions {
  /** Drafts coupled to the text, or one token drawn from q at each position, which knows nothing of it. */
  coupled: boolean;
  /** Positions from…from + count - 1 of the text after the prompt; as many as maxDraft at a time. */
  from: number;
  count: number;
  /** Fill `states`; of coupled walks. */
  states: boolean;
}

export interface NativeWalk {
  /** Rows of each position. */
  lengths: Uint8Array;
  /** All rows, as in NativeRound. */
  draft: Float64Array;
  /** For each position with rows: the state before the first, then after each. */
  states: Uint16Array;
  /** Of walks that are not coupled: whether the mixed sequence has the drafted token there. */
  replaced: Uint8Array;
}

/** One call at a time: while a promise is pending, all but abort() throw ERR_BUSY. */
export interface NativeSession {
  /** Creates the contexts; checks that the vocabularies fit and that both can roll back. */
  open(): Promise<void>;
  /** Starts a text; returns how many tokens of the prompt the target keeps from the text before. */
  begin(prompt: Int32Array, sampling: NativeSampling, options: NativeTextOptions): number;
  /** Evaluates up to `count` tokens of the prompt; resolves to how many are left. */
  prefill(count: number): Promise<number>;
  /**
   * draft, then verify all of it. length: of the draft at most; room: tokens that the round may add at most, at
   * least 1. A gate that weighs what no head says is ERR_INVALID_ARGUMENT.
   */
  round(
    length: number,
    room: number,
    gate?: Float64Array,
    survival?: Float64Array,
  ): Promise<NativeRound>;
  /** Continues what is drafted; `draft` has rows of all of it, without p and acceptance. */
  draft(
    length: number,
    room: number,
    gate?: Float64Array,
    survival?: Float64Array,
  ): Promise<{ stopReason: StopReason; draft: Float64Array }>;
  /** Verifies the first `submitted` drafted tokens, with the rows of the draft. */
  verify(submitted: number, room: number): Promise<NativeRound>;
  /** Of the last round: the draft's states before its first token and after each; empty unless asked for. */
  states(): Uint16Array;
  /** In a session opened for walks: drafts beside what was decided after the prompt (lib/trace/format.ts), which stays as it is. */
  walk(options: NativeWalkOptions): Promise<NativeWalk>;
  /** In such a session: the draft's states after the prompt's last token and after each of the tokens that follow it. */
  statesOf(tokens: Int32Array): Promise<Uint16Array>;
  rollBack(length: number): void;
  state(): {
    tokens: Int32Array;
    targetPast: number;
    draftPast: number;
    /** Tokens evaluated since open(). */
    targetEvaluated: number;
    draftEvaluated: number;
  };
  /** Makes the pending call end with ERR_ABORTED. */
  abort(): void;
  dispose(): void;
}

// The acceptance prediction head (docs/heads.md). An example is a step of a draft: k tokens Y_1…Y_k of the
// round are drafted; the state h_k, which the draft has after reading Y_k (k = 0: the last decided token),
// gives q_{k+1}, from which Y_{k+1} is drawn. A head of kind "paper" scores Y_k from h_k alone. One of kind
// "full" has three outputs, from h_k and scalars: `older` about Y_k, `before` about Y_{k+1} while it is not
// drawn, `newest` about Y_{k+1} once it is.
//
// All arrays are dense, the last dimension innermost. States are half precision bits, as traces have them. A
// call copies what it is given, before it returns.

export interface NativeHeadShape {
  kind: "paper" | "full";
  /** Of a state. */
  width: number;
  /** Blocks x ← x + SiLU(W x + b), 0…4. */
  depth: number;
  /** Whether the blocks share their weights. */
  tied: boolean;
  /** Width of each output's own layer; "paper": 0. */
  hidden: number;
  /** Names of the scalars; "paper": none. */
  columns: readonly string[];
  /**
   * [3][columns]: whether an output reads a column, 1, or not, 0; outputs in the order older, before, newest. The
   * first two may not read those that tell of Y_{k+1}: "drawn.…".
   */
  masks: Uint8Array;
}

export interface NativeHeadInputs {
  /** [m][width] */
  states: Uint16Array;
  /** [n]: the row of `states` of each example. */
  stateOf: Int32Array;
  /** [n][columns], not standardized. */
  scalars: Float32Array;
}

export interface NativeHeadExamples extends NativeHeadInputs {
  /** [n][2], 0…1: of Y_k, for `older` and "paper"; of Y_{k+1}, for `before` and `newest`. NaN: none. */
  labels: Float32Array;
}

export interface NativeHeadTrainerOptions {
  shape: NativeHeadShape;
  /** Of the first weights. */
  seed: number;
  threads: number;
  /** Weight w of rejection in the loss -(P ln p + w (1 - P) ln(1 - p)). */
  rejectionWeight: number;
  /** Of AdamW, on matrices; not multiplied by anything but the learning rate. */
  weightDecay: number;
  /** The share of a state's numbers that a step leaves out, [0, 1). */
  stateDropout: number;
  /** [columns] each, to standardize scalars by; deviations are above 0. */
  mean: Float32Array;
  deviation: Float32Array;
  /** What state() gave, of a trainer of the same shape: training goes on from there. */
  weights?: Uint8Array;
  /**
   * Instead: the weights alone, one after the other: of each block (of one, if tied) W [width][width] (row: output)
   * and b [width]; then of "paper" W [2][width] and b [2], row 1 of "accepted"; of "full", outputs in order,
   * A [3][hidden][width], B [3][hidden][columns], c [3][hidden], v [3][hidden], w [3][columns], b [3]: output o has
   * the logit v_o · SiLU(A_o x + B_o s + c_o) + w_o · s + b_o.
   */
  parameters?: Float32Array;
}

export type NativeHeadValue = string | number | boolean | number[] | string[];

/** One call at a time: while a promise is pending, all throw ERR_BUSY. */
export interface NativeHeadTrainer {
  /**
   * AdamW over minibatches: the examples `order`, `batch` at a time (the last may be shorter), each at its
   * learning rate. Resolves to the mean loss of all labels. The same calls give the same bytes with any
   * number of threads.
   */
  train(
    examples: NativeHeadExamples,
    order: Int32Array,
    batch: number,
    learningRates: Float32Array,
  ): Promise<number>;
  /** Logits, not calibrated: [n] of "paper", else [n][3]. */
  scores(inputs: NativeHeadInputs): Promise<Float32Array>;
  /** Weights, AdamW's moments and step: a checkpoint. */
  state(): Uint8Array;
  /**
   * Writes a head file; a failure leaves none. metadata: more keys (not those that the head writes itself);
   * numbers become f64. With them calibration, if there is any: `specdecpp.head.calibration.slope` [outputs] and
   * `specdecpp.head.calibration.bias` [outputs][8], by the position of the token that is judged: 1, 2, 3, 4, 5–6,
   * 7–8, 9–12, 13 and more.
   * tokens: [vocabulary][columns named "drawn.token.…"], what these columns are when a token has been drawn.
   */
  save(
    path: string,
    metadata: Readonly<Record<string, NativeHeadValue>>,
    type: "f32" | "f16" | "q8_0",
    tokens?: Float32Array,
  ): Promise<void>;
}

export interface NativeHeadInfo extends NativeHeadShape {
  /** Of the matrices. */
  type: "f32" | "f16" | "q8_0";
  mean: Float32Array;
  deviation: Float32Array;
  parameters: number;
  sizeBytes: number;
  /** As they were saved. */
  tokens: Float32Array;
  /** All keys of the file. */
  metadata: Record<string, NativeHeadValue>;
  tensors: { name: string; type: string; shape: number[] }[];
}

export interface NativeAcceptanceHead {
  /** Throws ERR_MODEL_LOAD for a damaged file, and for one that is no head. */
  load(): Promise<NativeHeadInfo>;
  /**
   * Calibrated logits, [n] or [n][3]: slope · logit + bias of the bucket of the position. positions: [n], k of
   * each example; at k = 0, where there is no token Y_k, the logit about it is one all the same.
   */
  scores(inputs: NativeHeadInputs, positions: Int32Array): Promise<Float32Array>;
  dispose(): void;
}
