import path from "node:path";
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes, Options } from "yargs";
import { advise, plainRule, reportSpeeds, type RuleSpeed } from "../../bench/report.js";
import { takeTurns } from "../../bench/turns.js";
import { type Engine, SpecdecError } from "../../index.js";
import { defaultPolicyName } from "../../policy/policies.js";
import type { Figure } from "../../replay/bootstrap.js";
import { policyOf } from "../../replay/rules.js";
import { readPrompts } from "../../trace/prompts.js";
import { formatPercent, formatTable } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import {
  checkGeneration,
  given,
  maxDraftTokens,
  toEngineOptions,
  toGenerateOptions,
} from "../library-options.mjs";
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
import { packageRoot } from "../package.mjs";
import { ProgressBar } from "../progress-bar.mjs";

const string = { string: true, requiresArg: true } as const;
const number = { number: true, requiresArg: true } as const;

const samplePrompts = path.join(packageRoot, "models", "prompts", "sample.jsonl");

/** What a pair is tried with: short and long drafts, and the rules that follow what drafting costs. */
const usualRules = [plainRule, "fixed:2", "fixed:4", "fixed:8", "expected", "throughput"];

/** Where there is a head: SpecDec++'s rule too. */
const headRule = "head:0.7";

const ownModelOptions = {
  ...modelOptions,
  draft: { ...modelOptions.draft, demandOption: true },
} as const satisfies Record<string, Options>;

const benchOptions = {
  prompts: {
    ...string,
    describe:
      'JSON lines (.jsonl: "prompt", "question" or "instruction"), or text with a prompt a line',
    defaultDescription: "8 prompts of GSM8K and HumanEval",
  },
  template: { ...string, describe: "What is put around {prompt}" },
  rule: {
    ...string,
    array: true,
    describe: "Measure this stop rule, see below; may be given several times",
    defaultDescription: `${usualRules.join(", ")}; with a head also ${headRule}`,
  },
  seconds: { ...number, default: 120, describe: "How long to measure, 1 to 86400" },
  "max-tokens": { ...number, default: 100, describe: "Tokens of a text at most" },
  verifier: decodingOptions.verifier,
} as const satisfies Record<string, Options>;

const outputOptions = {
  json: { boolean: true, describe: "Print one JSON object" },
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", { ...ownModelOptions, ...headOptions }),
  ...grouped("Measuring:", benchOptions),
  ...grouped("Sampling:", samplingOptions),
  ...grouped("Output:", outputOptions),
};

type Arguments = InferredOptionTypes<typeof options>;

export const benchCommand: CommandModule<object, Arguments> = {
  command: "bench",
  describe: "Measure how fast a pair is with several stop rules, and what to do",
  builder: (parser) =>
    parser
      .options(options)
      .example("$0 bench --target T.gguf --draft D.gguf", "")
      .example("$0 bench --target T.gguf --draft D.gguf --prompts mine.txt --temperature 0.8", "")
      .example("$0 bench --target T.gguf --draft D.gguf --head head.gguf --rule head:0.6", "")
      .example("$0 bench --target T.gguf --draft D.gguf --rule fixed:3 --rule confidence:0.6", "")
      .epilogue(stopRuleHelp()),
  handler: (args) =>
    interruptible(async (signal) => {
      const result = await measured(args, signal);
      if (args.json) await writeJson(result);
      else await write(describe(result));
    }),
};

interface Result {
  target: string;
  draft: string;
  temperature: number;
  maxTokens: number;
  seed: number;
  /** Prompts that were there and had room in the context. */
  prompts: number;
  /** Texts that each rule generated. */
  texts: number;
  rules: RuleSpeed[];
  advice: string;
}

async function measured(args: ArgumentsCamelCase<Arguments>, signal: AbortSignal): Promise<Result> {
  const { seconds, draft, target, head } = args;
  if (!(seconds >= 1 && seconds <= 86_400)) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `--seconds must be a number, 1 to 86400, but is ${seconds}.`,
    );
  }
  const usual = head === undefined ? usualRules : [...usualRules, headRule];
  const rules = [...new Set([plainRule, ...(args.rule ?? usual)])];
  const longest = Math.max(...rules.map((stop) => maxDraftTokens({ stop })));
  const headKind = head === undefined ? undefined : "full";
  for (const rule of rules) policyOf(rule, longest, headKind); // a wrong one is told of before the models load
  const generation = toGenerateOptions(args);
  const { sampling, verifier } = checkGeneration(generation, {
    ...given({ head }),
    draft,
    maxDraft: longest,
  });
  const texts = await readPrompts(args.prompts ?? samplePrompts, args.template);

  await using engine = await loadEngine(toEngineOptions({ ...args, maxDraft: longest }), signal);
  const prompts = fitting(engine, texts, args.maxTokens);
  const bar = new ProgressBar();
  try {
    const runs = await takeTurns(engine, {
      ...{ rules, prompts, signal },
      generation: { ...generation, verifier }, // that of generate: the seeds are ours
      seed: sampling.seed,
      millis: seconds * 1000,
      onProgress: (fraction) => {
        bar.update("Generating", fraction);
      },
    });
    const speeds = reportSpeeds(runs);
    const count = runs[0]?.texts.length ?? 0;
    return {
      ...{ target, draft },
      temperature: sampling.temperature,
      maxTokens: args.maxTokens,
      seed: sampling.seed,
      prompts: prompts.length,
      texts: count,
      rules: speeds,
      advice: advise(speeds, count, defaultPolicyName),
    };
  } finally {
    bar.stop();
  }
}

/** Of the prompts, as tokens, those that leave room for a whole text. */
function fitting(engine: Engine, texts: readonly string[], maxTokens: number): number[][] {
  const prompts = texts
    .map((text) => engine.tokenize(text))
    .filter((prompt) => prompt.length + maxTokens <= engine.contextSize);
  if (prompts.length === 0) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `No prompt leaves room for ${maxTokens} tokens in a context of ${engine.contextSize}. Give a larger --context-size, or a smaller --max-tokens.`,
    );
  }
  return prompts;
}

function describe({ rules, texts, prompts, temperature, advice }: Result): string {
  const columns = ["", "tokens/s", "speedup", "tokens per pass", "accepted", "mean K"];
  const rows = rules.map((speed) => [
    speed.rule,
    figure(speed.tokensPerSecond, speed.tokensPerSecond.value >= 100 ? 0 : 1),
    speed.rule === plainRule ? "1.00" : figure(speed.speedup, 2),
    speed.tokensPerPass.toFixed(2),
    speed.acceptanceRate === undefined ? "-" : formatPercent(speed.acceptanceRate),
    speed.meanDraft.toFixed(1),
  ]);
  const counted = (count: number, what: string): string =>
    `${count} ${what}${count === 1 ? "" : "s"}`;
  return [
    formatTable([columns, ...rows], "right"),
    `${counted(texts, "text")} of each rule, by turns, from ${counted(prompts, "prompt")}, at temperature ${temperature}, without the prompts' time; 95 % intervals.\n\n`,
    `${advice}\n`,
  ].join("");
}

function figure({ value, low, high }: Figure, digits: number): string {
  const interval =
    low === undefined || high === undefined
      ? ""
      : ` (${low.toFixed(digits)}–${high.toFixed(digits)})`;
  return `${value.toFixed(digits)}${interval}`;
}
