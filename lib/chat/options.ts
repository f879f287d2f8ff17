import { invalid, object, checkText } from "../checks";
import { generateKeys, type GenerateOptions } from "../options";
import {
  checkMessages,
  type ChatMessage,
  resolveTemplate,
  templateKeys,
  type TemplateOptions,
} from "./messages";

/** How an answer is generated: as any text, from a prompt that the template has written. */
export type AnswerOptions = Omit<GenerateOptions, "parseSpecial">;

/** Options of `engine.chat` and `engine.chatStream`. */
export interface ChatOptions extends AnswerOptions, TemplateOptions {}

export interface ChatSessionOptions extends TemplateOptions {
  /** What the model is told before all else. */
  system?: string;
  /** Messages that the conversation begins with, after `system`. */
  history?: readonly ChatMessage[];
}

const answerKeys = generateKeys.filter((key) => key !== "parseSpecial");
const chatKeys = [...answerKeys, ...templateKeys];
const sessionKeys = ["system", "history", ...templateKeys] satisfies (keyof ChatSessionOptions)[];

/** Options of a chat, those of the template apart. */
export function resolveChat(given: ChatOptions): {
  answer: AnswerOptions;
  template: TemplateOptions;
} {
  const { chatTemplate, tools, templateVariables, ...answer } = object(
    "The options of a chat",
    given,
    chatKeys,
  );
  const template = { chatTemplate, tools, templateVariables } as TemplateOptions;
  return { answer, template: resolveTemplate(template) };
}

export function checkAnswerOptions(given: AnswerOptions): void {
  object("The options of an answer", given, answerKeys);
}

/** What a session begins with, and how its messages are rendered. */
export function resolveChatSession(given: ChatSessionOptions): {
  beginning: ChatMessage[];
  template: TemplateOptions;
} {
  const options = object("The options of a chat session", given, sessionKeys);
  if (options.system !== undefined) checkText("system", options.system);
  const beginning = checkMessages("history", options.history ?? []);
  if (options.system !== undefined) {
    beginning.unshift({ role: "system", content: options.system });
  }
  return { beginning, template: resolveTemplate(options) };
}

/** The messages of a chat. */
export function checkChat(messages: unknown): ChatMessage[] {
  const checked = checkMessages("messages", messages);
  if (checked.length === 0) throw invalid("messages", "one message or more", messages);
  return checked;
}
