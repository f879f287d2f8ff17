import { checkText, invalid, isStrings, oneOf } from "../checks";
import { SpecdecError } from "../errors";

const roles = ["system", "user", "assistant", "tool"] as const;

/** What somebody says. More fields, such as tool_calls or name, go to the template as they are. */
export interface ChatMessage {
  role: (typeof roles)[number];
  content: string;
  [field: string]: unknown;
}

/** Copies of messages. Throws ERR_INVALID_ARGUMENT for what is none. */
export function checkMessages(name: string, value: unknown): ChatMessage[] {
  if (!Array.isArray(value)) throw invalid(name, "an array of messages", value);
  return value.map((message: unknown, i) => checkMessage(`${name}[${i}]`, message));
}

function checkMessage(name: string, value: unknown): ChatMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(name, "an object with role and content", value);
  }
  const message = value as Partial<ChatMessage>;
  oneOf(`${name}.role`, message.role, undefined, roles);
  checkText(`${name}.content`, message.content);
  return checkData(name, message as ChatMessage);
}

/** A copy of data; the thread that renders templates takes no functions. */
function checkData<T>(name: string, value: T): T {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${name} must be plain data, but ${(cause as Error).message} Leave out functions and the like.`,
      { cause },
    );
  }
}

/** What is said next: a user's text, or messages of any role. */
export type ChatInput = string | ChatMessage | readonly ChatMessage[];

export function toMessages(name: string, input: ChatInput): ChatMessage[] {
  if (typeof input === "string") return checkMessages(name, [{ role: "user", content: input }]);
  const messages = checkMessages(name, Array.isArray(input) ? input : [input]);
  if (messages.length === 0) throw invalid(name, "a text, a message, or messages", input);
  return messages;
}

/**
 * The system messages that a conversation begins with, and the rest in turns: each from a user's
 * message up to the next user's, with the answers and the results of tools between them.
 */
export function splitTurns(messages: readonly ChatMessage[]): {
  system: ChatMessage[];
  turns: ChatMessage[][];
} {
  const first = messages.findIndex(({ role }) => role !== "system");
  const system = messages.slice(0, first < 0 ? messages.length : first);
  const turns: ChatMessage[][] = [];
  for (const message of messages.slice(system.length)) {
    const last = turns.at(-1);
    const begins = message.role === "user" && last?.at(-1)?.role !== "user";
    if (last === undefined || begins) turns.push([message]);
    else last.push(message);
  }
  return { system, turns };
}

/** How the model's template turns messages into a prompt. */
export interface TemplateOptions {
  /** A Jinja template instead of the model's own. */
  chatTemplate?: string;
  /** Tools that the model may call, as its template expects them: mostly JSON schemas of functions. */
  tools?: readonly object[];
  /** More variables for the template, such as enable_thinking. */
  templateVariables?: Readonly<Record<string, unknown>>;
}

export const templateKeys = [
  "chatTemplate",
  "tools",
  "templateVariables",
] satisfies (keyof TemplateOptions)[];

/** The same, copied. */
export function resolveTemplate(options: TemplateOptions): TemplateOptions {
  const { chatTemplate, tools, templateVariables } = options;
  if (chatTemplate !== undefined && !isStrings([chatTemplate])) {
    throw invalid("chatTemplate", "the text of a Jinja template", chatTemplate);
  }
  if (tools !== undefined && !(Array.isArray(tools) && tools.every(isObject))) {
    throw invalid("tools", "an array of objects", tools);
  }
  if (templateVariables !== undefined && !isObject(templateVariables)) {
    throw invalid("templateVariables", "an object", templateVariables);
  }
  return {
    ...(chatTemplate !== undefined && { chatTemplate }),
    ...(tools !== undefined && { tools: checkData("tools", tools) }),
    ...(templateVariables !== undefined && {
      templateVariables: checkData("templateVariables", templateVariables),
    }),
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
