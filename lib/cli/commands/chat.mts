import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { styleText } from "node:util";
import type { CommandModule, InferredOptionTypes, Options } from "yargs";
import { throwIfAborted } from "../../abort.js";
import {
  type AnswerOptions,
  type ChatResult,
  type ChatSession,
  type Engine,
  type GenerationChunk,
  type GenerationResult,
  type GenerationStats,
  SpecdecError,
} from "../../index.js";
import { embedded } from "../demo-target.mjs";
import { colours, type Fate, fatesOf, paint } from "../explanation.mjs";
import { report } from "../failure.mjs";
import { formatFigures } from "../figures.mjs";
import { formatSummary } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import { checkGeneration, toEngineOptions, toGenerateOptions } from "../library-options.mjs";
import { loadEngine } from "../loading.mjs";
import {
  decodingOptions,
  grouped,
  modelOptions,
  samplingOptions,
  stopRuleHelp,
} from "../options.mjs";
import { write } from "../output.mjs";
import { Terminal } from "../terminal.mjs";

const chatOptions = {
  system: { string: true, requiresArg: true, describe: "What the model is told before all else" },
  "chat-template": {
    string: true,
    requiresArg: true,
    describe: "File of a Jinja template",
    defaultDescription: "the model's own",
  },
} as const satisfies Record<string, Options>;

const { target, ...otherModelOptions } = modelOptions;

const options = {
  ...grouped("Models:", {
    target: {
      ...target,
      demandOption: false,
      describe: "GGUF file of the model that answers",
      defaultDescription: "the embedded pair",
    },
    ...otherModelOptions,
  }),
  ...grouped("Chat:", chatOptions),
  ...grouped("Decoding:", decodingOptions),
  ...grouped("Sampling:", samplingOptions),
};

type Arguments = InferredOptionTypes<typeof options>;

export const chatCommand: CommandModule<object, Arguments> = {
  command: "chat",
  describe: "Talk with a model, in the terminal or line by line through a pipe",
  builder: (parser) =>
    parser
      .options(options)
      .implies({ draft: "target" })
      .example("$0 chat", "")
      .example('$0 chat --target T.gguf --draft D.gguf --system "Be brief."', "")
      .example("$0 chat --target T.gguf < questions.txt > answers.txt", "")
      .epilogue(stopRuleHelp()),
  handler: async (args) => {
    const models = args.target === undefined ? embedded : { target: args.target };
    const all = { ...args, ...models };
    const answerOptions: AnswerOptions = toGenerateOptions(all);
    checkGeneration(answerOptions, all);
    const { system, chatTemplate } = args;
    const sessionOptions = {
      ...(system !== undefined && { system }),
      ...(chatTemplate !== undefined && { chatTemplate: readTemplate(chatTemplate) }),
    };
    await interruptible(async (signal) => {
      await using engine = await loadEngine(toEngineOptions(all), signal);
      const conversation = new Conversation(
        engine,
        engine.createChatSession(sessionOptions),
        answerOptions,
      );
      if (process.stdin.isTTY && process.stdout.isTTY) {
        await write(introduction(all.target));
        await inTerminal(conversation, signal);
      } else {
        await inPipe(conversation, signal);
      }
      throwIfAborted(signal);
    });
  },
};

function readTemplate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `Cannot read the template from ${file}: ${(cause as Error).message}. Check the path.`,
      { cause },
    );
  }
}

function introduction(model: string): string {
  const who =
    model === embedded.target
      ? "The embedded pair answers: toys that write like a schoolbook and cannot calculate.\nFor a model of yours: --target FILE --draft FILE."
      : `${model} answers.`;
  return `${who} /help lists commands, Ctrl-D leaves.\n\n`;
}

/** Failures that a person can do something about, and the conversation goes on. */
const mendable: readonly string[] = ["ERR_CONTEXT_FULL", "ERR_CHAT_TEMPLATE"];

async function inTerminal(conversation: Conversation, signal: AbortSignal): Promise<void> {
  const terminal = new Terminal("> ", Object.keys(commands));
  try {
    for (;;) {
      const message = await terminal.read(signal);
      if (message === undefined) break;
      if (message.trim() === "") continue;
      try {
        const goesOn = await terminal.run((stop) =>
          conversation.take(message, AbortSignal.any([signal, stop])),
        );
        if (!goesOn) return;
      } catch (error) {
        throwIfAborted(signal);
        const { code } = error as { code?: string };
        if (code === "ERR_ABORTED") await write("[stopped]\n\n");
        else if (code !== undefined && mendable.includes(code)) report(error);
        else throw error;
      }
    }
    await write("\n"); // behind the prompt
  } finally {
    terminal.close();
  }
}

async function inPipe(conversation: Conversation, signal: AbortSignal): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, signal })) {
    if (line.trim() === "") continue;
    if (!(await conversation.take(line, signal))) return;
  }
}

/** What can be entered besides messages. */
const commands = {
  "/explain": "show where tokens come from, in colours, or stop showing it",
  "/stats": "figures of the last answer",
  "/reset": "forget the conversation",
  "/help": "list the commands",
  "/quit": "leave, as Ctrl-D does",
} as const;

/** A session with its commands, written to stdout. */
class Conversation {
  readonly #isTerminal = process.stdout.isTTY;
  readonly #hasColours = process.stdout.isTTY && process.stdout.hasColors();
  #explains = false;
  #last: GenerationStats | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly session: ChatSession,
    private readonly options: AnswerOptions,
  ) {}

  /** Does what was entered; resolves to whether the conversation goes on. */
  async take(entered: string, signal: AbortSignal): Promise<boolean> {
    const command = /^\/[a-z]+$/.exec(entered.trim())?.[0];
    switch (command) {
      case undefined:
        await this.#answer(entered, signal);
        return true;
      case "/quit":
        return false;
      case "/reset":
        this.session.reset();
        await write("The conversation is forgotten.\n\n");
        return true;
      case "/stats":
        await write(this.#figures());
        return true;
      case "/explain":
        await write(this.#toggleExplanation());
        return true;
      case "/help":
        await write(help());
        return true;
      default:
        process.stderr.write(`There is no command ${command}; /help lists them.\n`);
        return true;
    }
  }

  async #answer(message: string, signal: AbortSignal): Promise<void> {
    const painter = this.#explains ? new Painter() : undefined;
    const finish = async (result: GenerationResult): Promise<void> => {
      this.#last = result.stats;
      await write(result.text.endsWith("\n") ? "" : "\n");
      if (this.#isTerminal) await write(this.#status(result));
    };
    const chunks = this.session.stream(message, { ...this.options, signal });
    try {
      for (;;) {
        const next = await chunks.next();
        if (next.done) {
          await finish(next.value);
          if (this.#isTerminal) await write("\n");
          return;
        }
        const { text } = next.value;
        const shown = this.#isTerminal ? harmless(text) : text;
        await write(painter ? painter.paint(next.value) : shown);
      }
    } catch (error) {
      if (SpecdecError.isInstance(error) && error.partial) await finish(error.partial);
      throw error;
    } finally {
      await chunks.return(undefined as never);
    }
  }

  #status({ stats, finishReason, dropped }: GenerationResult & Partial<ChatResult>): string {
    const { promptTokens, generated, tokensPerSecond } = stats;
    const plainMicros = this.engine.plainMicros(promptTokens + generated / 2);
    const parts = [
      formatSummary(stats),
      ...(plainMicros !== undefined && tokensPerSecond > 0
        ? [`${((tokensPerSecond * plainMicros) / 1e6).toFixed(2)} × as fast as plain`]
        : []),
      ...(dropped ? [`without the oldest ${dropped} messages`] : []),
      ...(finishReason === "length" ? ["cut off by --max-tokens"] : []),
      ...(finishReason === "context" ? ["the context is full"] : []),
    ];
    const line = `[${parts.join(", ")}]`;
    return `${this.#hasColours ? styleText("dim", line) : line}\n`;
  }

  #figures(): string {
    return this.#last === undefined
      ? "There is no answer yet.\n\n"
      : `${formatFigures(this.#last)}${formatSummary(this.#last)}\n\n`;
  }

  #toggleExplanation(): string {
    if (!this.#hasColours) {
      return "Colours are needed, which this output has not. See generate --explain.\n\n";
    }
    this.#explains = !this.#explains;
    return this.#explains ? `${colours()}.\n\n` : "Without colours from here on.\n\n";
  }
}

/** Colours tokens by what became of them. Text may come with a later round than its own. */
class Painter {
  readonly #fates: Fate[] = [];

  paint({ round, tokens }: GenerationChunk): string {
    this.#fates.push(...fatesOf(round));
    return tokens
      .map(({ text }) => {
        const fate = this.#fates.shift();
        return fate === undefined || text === "" ? text : paint(harmless(text), fate);
      })
      .join("");
  }
}

/** Without what a terminal would obey, but for newlines and tabs. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "\u{FFFD}");
}

function help(): string {
  const rows = Object.entries({
    ...commands,
    "Ctrl-C": "stop an answer; clear the line; twice at an empty one: leave",
  });
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${rows.map(([name, does]) => `${name.padEnd(width)}  ${does}`).join("\n")}\n\n`;
}
