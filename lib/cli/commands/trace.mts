import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes, Options } from "yargs";
import {
  SpecdecError,
  trace,
  type TraceOptions,
  type TracePlan,
  type TraceProgress,
  type TraceResult,
} from "../../index.js";
import { downloadReporter } from "../downloads.mjs";
import { formatBytes, formatCount, formatDuration } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import { toEngineOptions, toGenerateOptions } from "../library-options.mjs";
import { decodingOptions, grouped, modelOptions, samplingOptions } from "../options.mjs";
import { writeJson } from "../output.mjs";
import { ProgressBar } from "../progress-bar.mjs";

const number = { number: true, requiresArg: true } as const;
const string = { string: true, requiresArg: true } as const;

/** The chat form of the embedded pair. */
const chatTemplate = "<|user|>{prompt}<|assistant|>";

const ownModelOptions = {
  ...modelOptions,
  draft: { ...modelOptions.draft, demandOption: true },
  threads: {
    ...modelOptions.threads,
    describe:
      "Threads on the processor, exactly so many: a trace must not depend on the machine's load",
    defaultDescription: "1",
  },
} as const satisfies Record<string, Options>;

const promptOptions = {
  prompts: {
    ...string,
    demandOption: true,
    describe:
      'JSON lines (.jsonl: "prompt", "question" or "instruction"), or text with a prompt a line',
  },
  offset: { ...number, describe: "Prompts to pass over", defaultDescription: "0" },
  limit: { ...number, describe: "Prompts at most", defaultDescription: "all" },
  template: { ...string, describe: "What is put around {prompt}" },
  chat: {
    boolean: true,
    conflicts: "template",
    describe: `The template of the embedded pair, ${chatTemplate}`,
  },
} as const satisfies Record<string, Options>;

const tracingOptions = {
  mode: {
    ...string,
    choices: ["walk", "rounds", "paper"] as const,
    describe:
      "walk: drafts from every token of a reply, for replay and heads; rounds: drafts of real rounds; paper: as SpecDec++ trains",
    defaultDescription: "walk",
  },
  "max-draft": { ...number, describe: "The longest draft, 1 to 64", defaultDescription: "20" },
  "max-tokens": { ...number, describe: "Tokens of a reply at most", defaultDescription: "256" },
  verifier: {
    ...decodingOptions.verifier,
    describe: "How drafts are verified; --mode rounds alone",
  },
  states: {
    boolean: true,
    default: true,
    describe: "Store the draft's hidden states, most of the bytes; --no-states: without",
  },
} as const satisfies Record<string, Options>;

const outputOptions = {
  out: {
    ...string,
    demandOption: true,
    describe: "Folder of the trace; the same command goes on with one that was stopped",
  },
  json: { boolean: true, describe: "Print one JSON object at the end" },
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", ownModelOptions),
  ...grouped("Prompts:", promptOptions),
  ...grouped("Tracing:", tracingOptions),
  ...grouped("Sampling:", {
    ...samplingOptions,
    seed: {
      ...samplingOptions.seed,
      describe: "Repeats a trace with the same settings",
      defaultDescription: "0",
    },
  }),
  ...grouped("Output:", outputOptions),
};

type Arguments = InferredOptionTypes<typeof options>;

export const traceCommand: CommandModule<object, Arguments> = {
  command: "trace",
  describe: "Log what a draft does beside a target's replies, for replay and for training heads",
  builder: (parser) =>
    parser
      .options(options)
      .example(
        "$0 trace --target T.gguf --draft D.gguf --prompts gsm8k.jsonl --out trace --temperature 1",
        "",
      )
      .example(
        "$0 trace --target T.gguf --draft D.gguf --prompts p.txt --out trace --limit 100 --no-states",
        "",
      ),
  handler: (args) =>
    interruptible(async (signal) => {
      const result = await traced(args, signal);
      process.stderr.write(`${describe(result)}\n`);
      if (args.json) await writeJson(result);
    }),
};

async function traced(
  args: ArgumentsCamelCase<Arguments>,
  signal: AbortSignal,
): Promise<TraceResult> {
  const bar = new ProgressBar();
  const reporter = new Reporter(bar);
  try {
    return await trace({
      ...toTraceOptions(args),
      signal,
      onDownloadProgress: downloadReporter(bar),
      onLoadProgress: ({ model, fraction }) => {
        bar.update(`Loading the ${model}`, fraction);
      },
      onStart: (plan) => {
        reporter.start(plan);
      },
      onProgress: (progress) => {
        reporter.update(progress);
      },
    });
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.code === "ERR_ABORTED" && reporter.started) {
      bar.stop();
      process.stderr.write("Complete shards are kept; the same command goes on from there.\n");
    }
    throw error;
  } finally {
    bar.stop();
  }
}

function toTraceOptions(args: ArgumentsCamelCase<Arguments>): TraceOptions {
  const { target, draft, modelsDirectory } = toEngineOptions(args);
  const { verifier, ...generation } = toGenerateOptions(args);
  const template = args.chat ? chatTemplate : args.template;
  return {
    ...generation,
    target,
    draft: draft ?? args.draft,
    ...(modelsDirectory !== undefined && { modelsDirectory }),
    prompts: args.prompts,
    out: args.out,
    states: args.states,
    ...(verifier !== undefined && { verifier }),
    ...(args.mode !== undefined && { mode: args.mode }),
    ...(args.maxDraft !== undefined && { maxDraftTokens: args.maxDraft }),
    ...(args.offset !== undefined && { offset: args.offset }),
    ...(args.limit !== undefined && { limit: args.limit }),
    ...(template !== undefined && { template }),
  };
}

/** What people are told before and meanwhile. */
class Reporter {
  #start: number | undefined;
  #doneBefore = 0;

  constructor(private readonly bar: ProgressBar) {}

  get started(): boolean {
    return this.#start !== undefined;
  }

  start(plan: TracePlan): void {
    this.bar.stop();
    this.#start = performance.now();
    this.#doneBefore = plan.done;
    const lines = [
      ...(plan.done > 0 ? [`${plan.done} of ${plan.prompts} prompts are traced already.`] : []),
      ...(plan.skipped > 0
        ? [`${plan.skipped} of ${plan.prompts} prompts leave no room for a reply and are left out.`]
        : []),
      `The trace will take about ${formatBytes(plan.expectedBytes)}, ${
        plan.done > 0
          ? "by what there is of it"
          : "less where replies end before they have all tokens"
      }; ${formatBytes(plan.freeBytes)} are free.`,
      ...(plan.expectedBytes > plan.freeBytes ? ["Warning: that may not fit on the disk."] : []),
    ];
    process.stderr.write(lines.map((line) => `${line}\n`).join(""));
  }

  update({ prompts, done, tokens, sizeBytes, expectedBytes }: TraceProgress): void {
    const seconds = (performance.now() - (this.#start ?? 0)) / 1000;
    const left = ((prompts - done) * seconds) / Math.max(1, done - this.#doneBefore);
    this.bar.update(
      `${done} of ${prompts} prompts, ${(tokens / seconds).toFixed(0)} tokens/s, ${formatBytes(sizeBytes)} of about ${formatBytes(expectedBytes)}, ${formatDuration(left)} left`,
      done / prompts,
    );
  }
}

function describe({ out, prompts, skipped, rows, sizeBytes, tokens, millis }: TraceResult): string {
  const speed =
    tokens === 0
      ? ""
      : `; ${formatCount(tokens)} tokens in ${formatDuration(millis / 1000)}, ${((tokens * 1000) / millis).toFixed(0)} tokens/s`;
  return `${out}: ${prompts - skipped} prompts, ${formatCount(rows)} rows, ${formatBytes(sizeBytes)}${speed}`;
}
