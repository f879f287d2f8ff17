import { SpecdecError } from "../errors";
import { type GenerationChunk, type GenerationResult, resultOf } from "../generation";
import { Turnstile } from "../turnstile";
import type { ChatFormat } from "./chat-format";
import { answerRoom, type Fit, fitHistory } from "./fit-history";
import { type ChatInput, type ChatMessage, type TemplateOptions, toMessages } from "./messages";
import { type AnswerOptions, checkAnswerOptions } from "./options";

/** An answer, and what it was an answer to. */
export interface ChatResult extends GenerationResult {
  /** Messages that the prompt was without, because the context has no room for them: the oldest after the system messages. */
  dropped: number;
}

/** What a session needs of its engine. */
export interface ChatHost {
  readonly contextSize: number;
  readonly format: ChatFormat;
  stream(
    prompt: readonly number[],
    options: AnswerOptions,
    dropsSpace: boolean,
  ): AsyncGenerator<GenerationChunk, GenerationResult, undefined>;
  detokenize(tokens: readonly number[]): string;
  endedBy(signal: AbortSignal | undefined): AbortSignal;
}

/** A rendered text, with replaced names (literals.ts), and its tokens. */
interface Rendered {
  text: string;
  tokens: readonly number[];
}

/**
 * A conversation. It remembers what was said and evaluates only what is new: its earlier turns stay in
 * the caches of both models as long as the engine writes nothing else in between. Made by
 * `engine.createChatSession`.
 */
export class ChatSession {
  readonly #turnstile = new Turnstile();
  readonly #disposal = new AbortController();
  readonly #beginning: readonly ChatMessage[];
  #history: readonly ChatMessage[];
  #droppedTurns = 0;
  /** What the models have read and written; the answer's tokens need not be those of its text read again. */
  #told: Rendered | undefined;

  /** @internal */
  constructor(
    private readonly host: ChatHost,
    beginning: readonly ChatMessage[],
    private readonly template: TemplateOptions,
  ) {
    this.#beginning = beginning;
    this.#history = beginning;
  }

  /** All that was said, the oldest first, also what no longer fits into the context. A copy. */
  get history(): ChatMessage[] {
    return structuredClone(this.#history) as ChatMessage[];
  }

  /**
   * Says something and resolves to the answer. Sends at the same time are answered in turn.
   *
   * Rejects as `engine.generate` does, and with ERR_NO_CHAT_TEMPLATE or ERR_CHAT_TEMPLATE. If the
   * answer had begun, it stays in the history as far as it came; else the history is as it was before.
   */
  async send(input: ChatInput, options: AnswerOptions = {}): Promise<ChatResult> {
    return await resultOf(this.stream(input, options));
  }

  /** The same, and yields the answer as it comes. Leaving the loop early ends it. */
  async *stream(
    input: ChatInput,
    options: AnswerOptions = {},
  ): AsyncGenerator<GenerationChunk, ChatResult, undefined> {
    const said = toMessages("What is said", input);
    checkAnswerOptions(options);
    const signal = AbortSignal.any([this.#disposal.signal, this.host.endedBy(options.signal)]);
    const leave = await this.#turnstile.enter(signal);
    let text = "";
    let answered = false;
    const before = this.#history;
    try {
      const fit = await this.#fit([...before, ...said], options, signal);
      const { prompt } = fit;
      const dropsSpace = this.host.format.putsSpaceAfter(prompt.text);
      const chunks = this.host.stream(prompt.tokens, { ...options, signal }, dropsSpace);
      try {
        for (;;) {
          const next = await chunks.next();
          if (next.done) {
            answered = true;
            this.#remember(before, fit, next.value);
            return { ...next.value, dropped: fit.dropped };
          }
          text += next.value.text;
          yield next.value;
        }
      } finally {
        await chunks.return(undefined as never);
      }
    } finally {
      // Unless it was reset meanwhile.
      if (this.#history === before && (answered || text !== "")) {
        this.#history = [...before, ...said, { role: "assistant", content: text }];
      }
      leave();
    }
  }

  /** Forgets what was said, but for what the session began with. An answer under way is not remembered. */
  reset(): void {
    this.#history = [...this.#beginning]; // another array, by which an answer under way knows
    this.#droppedTurns = 0;
    this.#told = undefined;
  }

  /** Ends an answer under way, which rejects with ERR_DISPOSED, and so does what is said afterwards. The engine stays. */
  dispose(): void {
    this.#disposal.abort(
      new SpecdecError("ERR_DISPOSED", "The chat session has been disposed of. Create another."),
    );
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #fit(
    messages: readonly ChatMessage[],
    { maxTokens }: AnswerOptions,
    signal: AbortSignal,
  ): Promise<Fit<Rendered>> {
    const room = answerRoom(this.host.contextSize, maxTokens);
    return fitHistory(messages, this.#droppedTurns, room, async (kept) => {
      const text = await this.host.format.render(kept, this.template, signal);
      return { text, tokens: this.#tokens(text) };
    });
  }

  /** With the tokens that the models have in their caches, where the text goes on from theirs. */
  #tokens(text: string): readonly number[] {
    const { format } = this.host;
    const told = this.#told;
    if (told && text.startsWith(told.text)) {
      const rest = text.slice(told.text.length);
      if (format.startsWithControl(rest)) return [...told.tokens, ...format.tokens(rest, false)];
    }
    return format.tokens(text, true);
  }

  #remember(
    before: readonly ChatMessage[],
    { prompt, droppedTurns }: Fit<Rendered>,
    { text, tokens, finishReason }: GenerationResult,
  ): void {
    if (this.#history !== before) return;
    this.#droppedTurns = droppedTurns;
    // The token that ended the answer is the template's to write. A stop string has tokens that are no text.
    const said = finishReason === "eog" ? tokens.slice(0, -1) : tokens;
    const written = this.host.detokenize(said);
    this.#told =
      written === text || written === ` ${text}` // without the vocabulary's own
        ? {
            text: prompt.text + this.host.format.hide(text),
            tokens: [...prompt.tokens, ...said],
          }
        : undefined;
  }
}
