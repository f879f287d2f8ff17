import { throwIfAborted } from "./abort";
import { ChatFormat } from "./chat/chat-format";
import { ChatSession, type ChatResult } from "./chat/chat-session";
import { answerRoom, fitHistory } from "./chat/fit-history";
import type { ChatMessage } from "./chat/messages";
import {
  checkChat,
  type ChatOptions,
  type ChatSessionOptions,
  resolveChat,
  resolveChatSession,
} from "./chat/options";
import { checkText, checkTokens } from "./checks";
import type { CostModel } from "./cost/cost-model";
import type { Identity } from "./cost/machine";
import { SpecdecError } from "./errors";
import { Generation, type GenerationChunk, type GenerationResult, resultOf } from "./generation";
import type { HeadKind } from "./head/examples";
import type { Model } from "./model";
import type { NativeSession } from "./native/binding";
import {
  type GenerateOptions,
  resolveGeneration,
  resolveTokenize,
  type TokenizeOptions,
} from "./options";
import { createPolicy } from "./policy/policies";
import type { Policy } from "./policy/policy";
import { Turnstile } from "./turnstile";

/** A prompt: text, or the ids of its tokens (used as they are, nothing is added). */
export type Prompt = string | readonly number[] | Int32Array;

/** What calibrating needs to know of an engine with a draft. */
export interface Pair {
  identity: Identity;
  /** Tokens that both contexts hold. */
  contextSize: number;
  maxDraft: number;
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
  readonly #costs: CostModel;
  readonly #format: ChatFormat;
  #current: { idle(): Promise<void> } | undefined;
  #disposed: Promise<void> | undefined;

  /** @internal */
  constructor(
    session: NativeSession,
    target: Model,
    draft: Model | undefined,
    contextSize: number,
    maxDraft: number,
    costs: CostModel,
    /** @internal None without a draft. */
    readonly pair: Pair | undefined,
    private readonly headKind: HeadKind | undefined,
  ) {
    this.#session = session;
    this.#target = target;
    this.#draft = draft;
    this.#contextSize = contextSize;
    this.#maxDraft = maxDraft;
    this.#costs = costs;
    this.#format = new ChatFormat(target);
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
    return await resultOf(this.stream(prompt, options));
  }

  /**
   * Continues a prompt and yields the text as it comes. Returns the whole result at the end; fails
   * as `generate` does. Leaving the loop early frees the engine for the next call.
   */
  stream(
    prompt: Prompt,
    options: GenerateOptions = {},
  ): AsyncGenerator<GenerationChunk, GenerationResult, undefined> {
    return this.#stream(prompt, options);
  }

  /** dropsSpace: whether a space that the text begins with is left out. */
  async *#stream(
    prompt: Prompt,
    options: GenerateOptions,
    dropsSpace = false,
  ): AsyncGenerator<GenerationChunk, GenerationResult, undefined> {
    this.#checkUsable();
    const resolved = resolveGeneration(options, {
      hasDraft: this.#draft !== undefined,
      maxDraft: this.#maxDraft,
      headKind: this.headKind,
    });
    const tokens = this.#promptTokens(prompt, resolved.parseSpecial);
    const signal = this.#endedBy(options.signal);
    const leave = await this.#turnstile.enter(signal);
    let generation: Generation | undefined;
    try {
      generation = new Generation(
        this.#session,
        this.#target,
        { contextSize: this.#contextSize, maxDraft: this.#maxDraft },
        tokens,
        typeof resolved.policy === "string" ? this.#namedPolicy(resolved.policy) : resolved.policy,
        this.#costs,
        resolved,
        signal,
        dropsSpace,
      );
      this.#current = generation;
      await generation.prefill();
      while (!generation.ended) yield generation.round(); // a yield awaits
      return generation.result;
    } catch (error) {
      generation?.keepPartial(error);
      throw error;
    } finally {
      generation?.close();
      leave();
    }
  }

  /**
   * Answers the last of the messages, in the form that the model's own chat template gives them. If they
   * do not fit into the context, the oldest turns after the system messages are left out: `dropped`.
   *
   * Rejects as `generate` does, with ERR_CONTEXT_FULL if the last turn does not fit, and with
   * ERR_NO_CHAT_TEMPLATE or ERR_CHAT_TEMPLATE.
   */
  async chat(messages: readonly ChatMessage[], options: ChatOptions = {}): Promise<ChatResult> {
    return await resultOf(this.chatStream(messages, options));
  }

  /** The same, and yields the answer as it comes, as `stream` does. */
  async *chatStream(
    messages: readonly ChatMessage[],
    options: ChatOptions = {},
  ): AsyncGenerator<GenerationChunk, ChatResult, undefined> {
    this.#checkUsable();
    const checked = checkChat(messages);
    const { answer, template } = resolveChat(options);
    const room = answerRoom(this.#contextSize, options.maxTokens);
    const signal = this.#endedBy(options.signal);
    const { prompt, dropped } = await fitHistory(checked, 0, room, async (kept) => {
      const text = await this.#format.render(kept, template, signal);
      return { text, tokens: this.#format.tokens(text, true) };
    });
    const dropsSpace = this.#format.putsSpaceAfter(prompt.text);
    const result = yield* this.#stream(prompt.tokens, answer, dropsSpace);
    return { ...result, dropped };
  }

  /** A conversation that remembers what was said. Throws ERR_INVALID_ARGUMENT or ERR_DISPOSED. */
  createChatSession(options: ChatSessionOptions = {}): ChatSession {
    this.#checkUsable();
    const { beginning, template } = resolveChatSession(options);
    const host = {
      contextSize: this.#contextSize,
      format: this.#format,
      stream: this.#stream.bind(this),
      detokenize: this.detokenize.bind(this),
      endedBy: this.#endedBy.bind(this),
    };
    return new ChatSession(host, beginning, template);
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

  /**
   * Has `work` use the session when it is its turn, as a generation does.
   * @internal
   */
  async withSession<T>(
    work: (session: NativeSession, signal: AbortSignal) => Promise<T>,
    givenSignal: AbortSignal | undefined,
  ): Promise<T> {
    const signal = this.#endedBy(givenSignal);
    const leave = await this.#turnstile.enter(signal);
    try {
      const pending = work(this.#session, signal);
      const ended = pending.then(
        () => undefined,
        () => undefined,
      );
      this.#current = { idle: () => ended };
      return await pending;
    } finally {
      leave();
    }
  }

  /**
   * What plain decoding takes for a token, as far as it was measured.
   * @internal
   */
  plainMicros(contextLength: number): number | undefined {
    return this.#costs.plainMicros(contextLength);
  }

  #endedBy(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#disposal.signal, ...(signal ? [signal] : [])]);
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
    await this.#format.dispose();
    await this.#current?.idle();
    this.#session.dispose();
    this.#target.dispose();
    this.#draft?.dispose();
  }

  /** A named policy keeps what it has learned from one request to the next. */
  #namedPolicy(name: string): Policy {
    let policy = this.#policies.get(name);
    if (policy === undefined) {
      policy = createPolicy(name, this.#maxDraft, this.headKind);
      this.#policies.set(name, policy);
    }
    return policy;
  }

  #checkUsable(): void {
    throwIfAborted(this.#disposal.signal);
  }
}
