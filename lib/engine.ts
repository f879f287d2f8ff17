import { throwIfAborted } from "./abort";
import { checkText, checkTokens } from "./checks";
import { SpecdecError } from "./errors";
import { Generation, type GenerationChunk, type GenerationResult } from "./generation";
import { cacheSizeBytes, checkMemory, defaultContextSize } from "./memory";
import { Model } from "./model";
import type { Device, NativeContextOptions, NativeSession } from "./native/binding";
import { call, callAsync } from "./native/call";
import { loadAddon } from "./native/load";
import {
  type EngineOptions,
  type GenerateOptions,
  resolveEngine,
  resolveGeneration,
  type ResolvedEngine,
  type ResolvedModel,
  resolveTokenize,
  type TokenizeOptions,
} from "./options";
import { createPolicy } from "./policy/policies";
import type { Policy } from "./policy/policy";
import { Turnstile } from "./turnstile";

/** A prompt: text, or the ids of its tokens (used as they are, nothing is added). */
export type Prompt = string | readonly number[] | Int32Array;

/** The devices that llama.cpp can use on this machine. */
export function devices(): Device[] {
  return call(() => loadAddon().devices());
}

/**
 * Loads the models and prepares an engine for one text at a time.
 *
 * Rejects with a SpecdecError: ERR_INVALID_ARGUMENT, ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD,
 * ERR_NOT_GENERATIVE, ERR_VOCABULARY_MISMATCH, ERR_NO_ROLLBACK, ERR_OUT_OF_MEMORY, ERR_NO_GPU,
 * ERR_NO_DEVICE, ERR_ABORTED, or one of loading the addon. Or with what onLoadProgress throws.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const resolved = resolveEngine(options);
  const { onLoadProgress, signal } = options;
  const load = (name: "target" | "draft", model: ResolvedModel): Promise<Model> =>
    Model.load(
      model,
      onLoadProgress &&
        ((fraction) => {
          onLoadProgress({ model: name, fraction });
        }),
      signal,
    );
  const made: { dispose(): void }[] = [];
  try {
    const target = await load("target", resolved.target);
    made.push(target);
    const draft = resolved.draft && (await load("draft", resolved.draft));
    if (draft) made.push(draft);
    const session = createSession(resolved, target, draft);
    made.push(session);
    await callAsync(() => session.open());
    return new Engine(
      session,
      target,
      draft,
      contextSize(resolved.target, target),
      resolved.maxDraft,
    );
  } catch (error) {
    for (const one of made.reverse()) one.dispose();
    throw error;
  }
}

function contextSize(options: ResolvedModel, model: Model): number {
  return options.contextSize ?? defaultContextSize(model.info.trainedContextSize);
}

/** A session that is not open yet. Throws ERR_OUT_OF_MEMORY if its caches cannot fit. */
function createSession(
  options: ResolvedEngine,
  target: Model,
  draft: Model | undefined,
): NativeSession {
  const context = (given: ResolvedModel, model: Model) => ({
    contextSize: contextSize(given, model),
    threads: given.threads,
    adaptThreads: given.adaptThreads,
    kvTypeK: given.kvTypeK,
    kvTypeV: given.kvTypeV,
  });
  const targetContext = context(options.target, target);
  const draftContext = options.draft && draft && context(options.draft, draft);
  let cacheBytes = 0; // on the processor: a GPU has its own memory and its own check
  if (!target.info.usesGpu) cacheBytes += cacheSizeBytes(target.info, targetContext);
  if (draft && draftContext && !draft.info.usesGpu) {
    cacheBytes += cacheSizeBytes(draft.info, draftContext);
  }
  checkMemory(cacheBytes);

  const addon = loadAddon();
  return call(
    () =>
      new addon.Session({
        target: target.native,
        targetContext: targetContext satisfies NativeContextOptions,
        ...(draft && draftContext && { draft: draft.native, draftContext }),
        maxDraft: options.maxDraft,
      }),
  );
}

/**
 * A target, its draft if there is one, and the state of one text. Calls at the same time are queued
 * and served in the order they came. Made by createEngine.
 */
export class Engine {
  readonly #session: NativeSession;
  readonly #target: Model;
  readonly #draft: Model | undefined;
  readonly #contextSize: number;
  readonly #maxDraft: number;
  readonly #policies = new Map<string, Policy>();
  readonly #turnstile = new Turnstile();
  readonly #disposal = new AbortController();
  #current: Generation | undefined;
  #disposed: Promise<void> | undefined;

  /** @internal */
  constructor(
    session: NativeSession,
    target: Model,
    draft: Model | undefined,
    contextSize: number,
    maxDraft: number,
  ) {
    this.#session = session;
    this.#target = target;
    this.#draft = draft;
    this.#contextSize = contextSize;
    this.#maxDraft = maxDraft;
  }

  /** Tokens that the target's context holds, prompt and output together. */
  get contextSize(): number {
    return this.#contextSize;
  }

  /** The tokens of a text as `generate` would evaluate it. Throws ERR_INVALID_ARGUMENT or ERR_DISPOSED. */
  tokenize(text: string, options: TokenizeOptions = {}): number[] {
    this.#checkUsable();
    const parseSpecial = resolveTokenize(options);
    checkText("What tokenize takes", text);
    return Array.from(this.#target.tokenize(text, parseSpecial));
  }

  /** The text of tokens. Control tokens have none. Throws ERR_INVALID_ARGUMENT or ERR_DISPOSED. */
  detokenize(tokens: readonly number[] | Int32Array): string {
    this.#checkUsable();
    const pieces = Array.from(
      checkTokens("What detokenize takes", "an array of token ids", tokens),
      (token) => this.#target.piece(token),
    );
    return Buffer.concat(pieces).toString("utf8");
  }

  /**
   * Continues a prompt. Rejects with a SpecdecError, whose `partial` has what was generated
   * until then: ERR_ABORTED, ERR_CONTEXT_FULL (the prompt does not fit), ERR_INVALID_ARGUMENT,
   * ERR_DISPOSED, ERR_DECODE, ERR_NO_LOGITS.
   */
  async generate(prompt: Prompt, options: GenerateOptions = {}): Promise<GenerationResult> {
    const chunks = this.stream(prompt, options);
    for (;;) {
      const next = await chunks.next();
      if (next.done) return next.value;
    }
  }

  /**
   * Continues a prompt and yields the text as it comes. Returns the whole result at the end; fails
   * as `generate` does. Leaving the loop early frees the engine for the next call.
   */
  async *stream(
    prompt: Prompt,
    options: GenerateOptions = {},
  ): AsyncGenerator<GenerationChunk, GenerationResult, undefined> {
    this.#checkUsable();
    const resolved = resolveGeneration(options, {
      hasDraft: this.#draft !== undefined,
      maxDraft: this.#maxDraft,
    });
    const tokens = this.#promptTokens(prompt, resolved.parseSpecial);
    const signal = AbortSignal.any([
      this.#disposal.signal,
      ...(options.signal ? [options.signal] : []),
    ]);
    const leave = await this.#turnstile.enter(signal);
    try {
      this.#current = new Generation(
        this.#session,
        this.#target,
        { contextSize: this.#contextSize, maxDraft: this.#maxDraft },
        tokens,
        typeof resolved.policy === "string" ? this.#namedPolicy(resolved.policy) : resolved.policy,
        resolved,
        signal,
      );
      yield* this.#current.run();
      return this.#current.result;
    } finally {
      leave();
    }
  }

  /**
   * Frees both models. A generation that is under way ends with ERR_DISPOSED and its `partial`; those
   * in the queue end so before they begin. Waits for the native call in flight. Calling it again does nothing.
   */
  dispose(): Promise<void> {
    this.#disposed ??= this.#free();
    return this.#disposed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #promptTokens(prompt: Prompt, parseSpecial: boolean): Int32Array {
    const tokens =
      typeof prompt === "string"
        ? this.#textTokens(prompt, parseSpecial)
        : checkTokens("The prompt", "a string or an array of token ids", prompt);
    if (tokens.length === 0) {
      throw new SpecdecError(
        "ERR_INVALID_ARGUMENT",
        "The prompt is empty. Give at least one token.",
      );
    }
    return tokens;
  }

  #textTokens(prompt: string, parseSpecial: boolean): Int32Array {
    checkText("The prompt", prompt);
    return prompt === "" ? new Int32Array() : this.#target.tokenize(prompt, parseSpecial);
  }

  async #free(): Promise<void> {
    this.#disposal.abort(
      new SpecdecError("ERR_DISPOSED", "The engine has been disposed of. Create another."),
    );
    await this.#current?.idle();
    this.#session.dispose();
    this.#target.dispose();
    this.#draft?.dispose();
  }

  /** A named policy keeps what it has learned from one request to the next. */
  #namedPolicy(name: string): Policy {
    let policy = this.#policies.get(name);
    if (policy === undefined) {
      policy = createPolicy(name, this.#maxDraft);
      this.#policies.set(name, policy);
    }
    return policy;
  }

  #checkUsable(): void {
    throwIfAborted(this.#disposal.signal);
  }
}
