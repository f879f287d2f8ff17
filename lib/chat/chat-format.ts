import { SpecdecError } from "../errors";
import type { Model } from "../model";
import { Literals } from "./literals";
import type { ChatMessage, TemplateOptions } from "./messages";
import { TemplateRenderer } from "./template-renderer";

/** What is known of a vocabulary. */
interface Specials {
  /** The names of the tokens that begin and end a sequence. */
  begin: string;
  end: string;
  literals: Literals;
  /** Whether it puts a space before every text, and every text behind a control token. */
  putsSpace: boolean;
}

/** Messages as the text and the tokens that a model was trained to answer. */
export class ChatFormat {
  readonly #renderer = new TemplateRenderer();
  #specials: Specials | undefined;

  constructor(private readonly model: Model) {}

  /**
   * Renders messages up to where the answer begins. Control tokens that messages name are replaced
   * (literals.ts). Rejects with ERR_NO_CHAT_TEMPLATE, ERR_CHAT_TEMPLATE, or what the signal says.
   */
  render(
    messages: readonly ChatMessage[],
    options: TemplateOptions,
    signal: AbortSignal,
  ): Promise<string> {
    const { begin, end, literals } = this.#special();
    const template = options.chatTemplate ?? this.#ownTemplate(options.tools !== undefined);
    const variables = {
      ...options.templateVariables,
      messages: messages.map((message) => ({ ...literals.hide(message), role: message.role })),
      ...(options.tools && { tools: literals.hide(options.tools) }),
      bos_token: begin,
      eos_token: end,
      add_generation_prompt: true,
    };
    return this.#renderer.render(template, variables, signal);
  }

  /** The tokens of what was rendered; `begins`: whether it is the beginning of a text. */
  tokens(rendered: string, begins: boolean): number[] {
    const { literals } = this.#special();
    return literals
      .segments(rendered)
      .flatMap(({ text, parseSpecial }, i) =>
        Array.from(this.model.tokenize(text, parseSpecial, begins && i === 0)),
      );
  }

  /** Text as `render` has it when it stands in a message. */
  hide(text: string): string {
    return this.#special().literals.hide(text);
  }

  /**
   * Whether the vocabulary puts a space before text that follows here, as SentencePiece does behind a
   * control token. An answer begins with it, and its text is without it, or the next prompt had two.
   */
  putsSpaceAfter(rendered: string): boolean {
    const { literals, putsSpace } = this.#special();
    return putsSpace && literals.endsWithControl(rendered);
  }

  /** Whether what was rendered begins with a control token, before which a text can be cut without an effect. */
  startsWithControl(rendered: string): boolean {
    return this.#special().literals.startsWithControl(rendered);
  }

  dispose(): Promise<void> {
    return this.#renderer.dispose();
  }

  #special(): Specials {
    if (this.#specials === undefined) {
      const { begin, end, control } = this.model.specialTexts();
      const [first = -1] = this.model.tokenize("x", false, false);
      const putsSpace = Buffer.from(this.model.piece(first)).toString().startsWith(" ");
      this.#specials = { begin, end, putsSpace, literals: new Literals(control) };
    }
    return this.#specials;
  }

  /** Some models have a template of its own for tools. */
  #ownTemplate(withTools: boolean): string {
    const key = "tokenizer.chat_template";
    const template =
      (withTools && this.model.metadata(`${key}.tool_use`)) || this.model.metadata(key);
    if (template === "") {
      throw new SpecdecError(
        "ERR_NO_CHAT_TEMPLATE",
        "The target has no chat template (tokenizer.chat_template), as models have that are not made for chats. Give one with chatTemplate, or write the prompt yourself and use generate.",
      );
    }
    return template;
  }
}
