import type { CommandModule, InferredOptionTypes, Options } from "yargs";
import {
  type Engine,
  type GenerateOptions,
  type GenerationResult,
  SpecdecError,
} from "../../index.js";
import { formatSummary } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import {
  checkGeneration,
  decodingOptions,
  grouped,
  loadEngine,
  modelOptions,
  samplingOptions,
  toEngineOptions,
  toGenerateOptions,
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
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", modelOptions),
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
        "draft-threads": "draft",
      })
      .example('$0 generate --target T.gguf --draft D.gguf --prompt "Once upon a time"', "")
      .example("git diff | $0 generate --target T.gguf --max-tokens 200 -", "")
      .example(
        "$0 generate --target T.gguf --file prompt.txt --temperature 0.8 --seed 7 --json",
        "",
      ),
  handler: async (args) => {
    const prompt = await readPrompt(args);
    const generateOptions: GenerateOptions = {
      ...toGenerateOptions(args),
      parseSpecial: args.parseSpecial,
      logprobs: args.logprobs ?? false,
      ...(args.stopString && { stop: args.stopString }),
    };
    checkGeneration(generateOptions, args);
    await interruptible(async (signal) => {
      await using engine = await loadEngine(toEngineOptions(args), signal);
      const print = args.json ? printJson : printText;
      await print(engine, prompt, { ...generateOptions, signal });
    });
  },
};

async function printText(engine: Engine, prompt: string, options: GenerateOptions): Promise<void> {
  const chunks = engine.stream(prompt, options);
  let text = "";
  try {
    for (;;) {
      const next = await chunks.next();
      if (next.done) {
        summarize(next.value, text);
        return;
      }
      text += next.value.text;
      await write(next.value.text);
    }
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.partial) summarize(error.partial, text);
    throw error;
  } finally {
    await chunks.return(undefined as never);
  }
}

/** What belongs after the text, for people alone. */
function summarize({ stats }: GenerationResult, text: string): void {
  if (process.stdout.isTTY && text !== "" && !text.endsWith("\n")) process.stdout.write("\n");
  if (process.stderr.isTTY) process.stderr.write(`${formatSummary(stats)}\n`);
}

async function printJson(engine: Engine, prompt: string, options: GenerateOptions): Promise<void> {
  try {
    await writeJson(await engine.generate(prompt, options));
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.partial) await writeJson(error.partial);
    throw error;
  }
}
