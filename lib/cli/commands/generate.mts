import type { CommandModule, InferredOptionTypes, Options } from "yargs";
import {
  type Engine,
  type GenerateOptions,
  type GenerationChunk,
  type GenerationResult,
  type GenerationStats,
  SpecdecError,
} from "../../index.js";
import { Explanation } from "../explanation.mjs";
import { formatFigures } from "../figures.mjs";
import { formatSummary } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import { checkGeneration, toEngineOptions, toGenerateOptions } from "../library-options.mjs";
import { loadEngine } from "../loading.mjs";
import {
  decodingOptions,
  grouped,
  headOptions,
  modelOptions,
  samplingOptions,
  stopRuleHelp,
} from "../options.mjs";
import { write, writeJson } from "../output.mjs";
import { readPrompt } from "../prompt.mjs";

const promptOptions = {
  prompt: { string: true, requiresArg: true, describe: "The prompt" },
  file: { string: true, requiresArg: true, describe: "File that holds the prompt; - is stdin" },
  "parse-special": {
    boolean: true,
    default: true,
    describe: "Text such as <|user|> stands for that control token; --no-parse-special: for itself",
  },
} as const satisfies Record<string, Options>;

const ownDecodingOptions = {
  ...decodingOptions,
  "stop-string": {
    string: true,
    array: true,
    requiresArg: true,
    describe: "The text ends before it; may be given several times",
  },
} as const satisfies Record<string, Options>;

const outputOptions = {
  json: { boolean: true, describe: "Print one JSON object at the end instead of the text" },
  logprobs: {
    boolean: true,
    implies: "json",
    describe: "With --json: ln of each token's probability under the target",
  },
  details: {
    boolean: true,
    implies: "json",
    describe: "With --json: what each round drafted, with probabilities",
  },
  explain: {
    boolean: true,
    conflicts: "json",
    describe: "Show each round instead of the text: what was drafted, what was accepted, and why",
  },
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", { ...modelOptions, ...headOptions }),
  ...grouped("Prompt:", promptOptions),
  ...grouped("Decoding:", ownDecodingOptions),
  ...grouped("Sampling:", samplingOptions),
  ...grouped("Output:", outputOptions),
};

type Arguments = InferredOptionTypes<typeof options> & { input?: string | undefined };

export const generateCommand: CommandModule<object, Arguments> = {
  command: "generate [input]",
  describe: "Continue a prompt",
  builder: (parser) =>
    parser
      .positional("input", {
        type: "string",
        choices: ["-"],
        describe: "Read the prompt from stdin",
      })
      .nargs("input", 1) // else yargs takes a lone - for an option
      .options(options)
      .implies({
        "draft-context-size": "draft",
        "draft-gpu-layers": "draft",
        "draft-devices": "draft",
        "draft-threads": "draft",
        "draft-top-k": "draft",
        "max-draft": "draft",
      })
      .example('$0 generate --target T.gguf --draft D.gguf --prompt "Once upon a time"', "")
      .example("git diff | $0 generate --target T.gguf --max-tokens 200 -", "")
      .example(
        "$0 generate --target T.gguf --file prompt.txt --temperature 0.8 --seed 7 --json",
        "",
      )
      .example('$0 generate --target T.gguf --draft D.gguf --prompt "1, 2, 3" --explain', "")
      .epilogue(stopRuleHelp()),
  handler: async (args) => {
    const prompt = await readPrompt(args);
    const generateOptions: GenerateOptions = {
      ...toGenerateOptions(args),
      parseSpecial: args.parseSpecial,
      logprobs: args.logprobs ?? false,
      details: (args.details ?? false) || (args.explain ?? false),
      ...(args.stopString && { stop: args.stopString }),
    };
    checkGeneration(generateOptions, args);
    await interruptible(async (signal) => {
      await using engine = await loadEngine(toEngineOptions(args), signal);
      const options = { ...generateOptions, signal };
      if (args.json) await printJson(engine, prompt, options);
      else
        await print(
          engine,
          prompt,
          options,
          args.explain ? explaining(engine, args.head !== undefined) : writing(),
        );
    });
  },
};

/** What a generation looks like as it comes: texts to be written to stdout. */
interface Display {
  start: string;
  add(chunk: GenerationChunk): string;
  end(result: GenerationResult): string;
  /** What people alone are told, on stderr. */
  summary(stats: GenerationStats): string;
}

/** The text, followed by a newline for people alone. */
function writing(): Display {
  let last = "\n";
  return {
    start: "",
    add: ({ text }) => {
      last = text.at(-1) ?? last;
      return text;
    },
    end: () => (process.stdout.isTTY && last !== "\n" ? "\n" : ""),
    summary: formatSummary,
  };
}

/** The rounds. */
function explaining(engine: Engine, head: boolean): Display {
  const { isTTY, columns } = process.stdout;
  const explanation = new Explanation(engine, {
    head,
    width: isTTY ? columns : Infinity,
    colours: isTTY && process.stdout.hasColors(),
  });
  return {
    start: explanation.legend(),
    add: (chunk) => explanation.add(chunk),
    end: ({ tokens }) => explanation.rest(tokens),
    summary: (stats) => `${formatFigures(stats)}${formatSummary(stats)}`,
  };
}

async function print(
  engine: Engine,
  prompt: string,
  options: GenerateOptions,
  display: Display,
): Promise<void> {
  const finish = async (result: GenerationResult): Promise<void> => {
    await write(display.end(result));
    if (process.stderr.isTTY) process.stderr.write(`${display.summary(result.stats)}\n`);
  };
  const chunks = engine.stream(prompt, options);
  try {
    await write(display.start);
    for (;;) {
      const next = await chunks.next();
      if (next.done) {
        await finish(next.value);
        return;
      }
      await write(display.add(next.value));
    }
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.partial) await finish(error.partial);
    throw error;
  } finally {
    await chunks.return(undefined as never);
  }
}

async function printJson(engine: Engine, prompt: string, options: GenerateOptions): Promise<void> {
  try {
    await writeJson(await engine.generate(prompt, options));
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.partial) await writeJson(error.partial);
    throw error;
  }
}
