import { statSync } from "node:fs";
import { styleText } from "node:util";
import type { CommandModule, InferredOptionTypes, Options } from "yargs";
import type { GenerateOptions, OutputToken } from "../../index.js";
import { defaultPolicyName } from "../../policy/policies.js";
import { compare, type Comparison, repeats, type Watch } from "../comparison.mjs";
import { demoTarget, embedded } from "../demo-target.mjs";
import { formatBytes, formatCount, formatPercent, formatTable } from "../format.mjs";
import { readGgufFile } from "../gguf-file.mjs";
import { interruptible } from "../interruption.mjs";
import { checkGeneration, toEngineOptions, toGenerateOptions } from "../library-options.mjs";
import { loadEngine } from "../loading.mjs";
import {
  decodingOptions,
  headOptions,
  modelOptions,
  samplingOptions,
  stopRuleHelp,
} from "../options.mjs";
import { write, writeJson } from "../output.mjs";

const question =
  "There are 24 students in a class. Half of them are girls. How many boys are in the class?";

const number = { number: true, requiresArg: true } as const;

const options = {
  prompt: {
    string: true,
    requiresArg: true,
    default: `<|user|>${question}<|assistant|>`,
    describe: "The prompt",
  },
  "max-tokens": { ...number, default: 120, describe: "Tokens at most" },
  layers: {
    ...number,
    default: 120,
    describe: "Idle layers of the target: they add nothing but cost; 0: none",
  },
  stop: {
    string: true,
    requiresArg: true,
    default: defaultPolicyName,
    describe: "How long to draft: a stop rule, see below",
  },
  verifier: decodingOptions.verifier,
  temperature: { ...number, default: 0, describe: "0: the likeliest tokens" },
  seed: samplingOptions.seed,
  head: {
    ...headOptions.head,
    default: embedded.head,
    defaultDescription: "that of the embedded models",
  },
  threads: modelOptions.threads,
  json: { boolean: true, describe: "Print one JSON object" },
} as const satisfies Record<string, Options>;

type Arguments = InferredOptionTypes<typeof options>;

export const demoCommand: CommandModule<object, Arguments> = {
  command: "demo",
  describe: "Decode a prompt plainly and speculatively with the embedded models, and compare",
  builder: (parser) =>
    parser
      .options(options)
      .example("$0 demo", "")
      .example('$0 demo --prompt "def add(a, b):" --stop fixed:6', "")
      .example("$0 demo --temperature 1 --seed 7 --verifier coupled", "")
      .epilogue(stopRuleHelp()),
  handler: (args) =>
    interruptible(async (signal) => {
      const given = toGenerateOptions(args);
      const { sampling, verifier } = checkGeneration(given, { draft: embedded.draft, ...args });
      // The seed may be ours: then it must not choose the verifier.
      const generateOptions = { ...given, seed: sampling.seed, verifier, signal };
      const target = await demoTarget(args.layers);
      const { stop, threads, head } = args;
      const engineOptions = toEngineOptions({
        ...{ target, draft: embedded.draft, stop, threads, head },
        forceHead: true, // idle layers make the target another file with the same output
      });
      await using engine = await loadEngine(engineOptions, signal);
      if (!args.json) await write(introduction(args, target));
      const watch = args.json ? () => Promise.resolve() : streamer();
      const comparison = await compare(engine, args.prompt, generateOptions, watch);
      if (args.json) {
        const { layers: idleLayers, prompt } = args;
        const models = { target, draft: embedded.draft, idleLayers, threads: threads ?? null };
        await writeJson({ ...models, prompt, ...comparison });
      } else {
        await write(`${table(comparison)}\n${verdict(comparison, generateOptions)}\n`);
      }
    }),
};

function introduction({ layers, prompt, threads }: Arguments, target: string): string {
  const describe = (path: string): string => {
    const { parameters } = readGgufFile(path);
    return `${formatCount(parameters)} parameters, ${formatBytes(statSync(path).size)}`;
  };
  const idle =
    layers === 0
      ? ""
      : `        Of these, the embedded target has ${describe(embedded.target)}. The rest are ${layers} idle
        layers: they add nothing to the output and cost what a layer costs. They give the small
        target the price of a large one, which is what a draft saves.\n`;
  const on =
    threads === undefined ? "" : `, on ${threads === 1 ? "1 thread" : `${threads} threads`}`;
  return `Target: ${describe(target)}${on}\n${idle}Draft:  ${describe(embedded.draft)}
        Both are toys, fast to try: they write like a schoolbook and cannot calculate.
Prompt: ${prompt}\n\n`;
}

/** Prints both texts under their headings; a draft's accepted tokens are green where colours are. */
function streamer(): Watch {
  const colours = process.stdout.isTTY && process.stdout.hasColors();
  const paint = ({ origin, text }: OutputToken): string =>
    colours && origin === "draft" && text !== "" ? styleText("green", text) : text;
  const headings = {
    plain: "Plain decoding:",
    speculative: colours
      ? `\n\nSpeculative decoding (${styleText("green", "green: drafted and accepted")}; the rest: the target's own):`
      : "\n\nSpeculative decoding:",
  };
  let last: keyof typeof headings | undefined;
  return async (side, tokens) => {
    if (side !== last) await write(`${headings[side]}\n`);
    last = side;
    await write(tokens.map(paint).join(""));
  };
}

function table({ plain, speculative, speedup }: Comparison): string {
  const row = (label: string, value: (side: Comparison["plain"]) => string): string[] => [
    label,
    value(plain),
    value(speculative),
  ];
  return `\n\n${formatTable(
    [
      ["", "plain", "speculative"],
      row("tokens", ({ stats }) => String(stats.generated)),
      row("tokens per target pass", ({ stats }) => stats.tokensPerPass.toFixed(2)),
      row("drafted tokens accepted", ({ stats }) =>
        stats.drafted === 0 ? "-" : formatPercent(stats.acceptanceRate),
      ),
      row("tokens discarded", ({ stats }) => String(stats.discarded)),
      row("tokens/s", ({ tokensPerSecond }) => tokensPerSecond.toFixed(1)),
      ["speedup", "1.00", speedup.toFixed(2)],
    ],
    "right",
  )}\nSpeeds are medians of ${repeats} runs each, by turns, without the prompt.`;
}

const promise =
  "With --verifier coupled they are the same, but where rounding decides a near tie of two tokens.";

function verdict(
  { identical }: Comparison,
  { temperature, verifier, seed }: GenerateOptions,
): string {
  if (temperature === 0) {
    return identical
      ? "The two texts are identical, as they must be at temperature 0."
      : "The two texts differ: at a tie of two tokens, batches of different sizes may round differently.";
  }
  const repeat = `Seed: ${String(seed)}.`;
  if (identical) return `The two texts are identical. ${repeat}`;
  const rounding = "batches of different sizes round differently";
  switch (verifier) {
    case "coupled":
      return `The two texts differ: at a near tie of two tokens, ${rounding}. ${repeat}`;
    case "match":
      return `The two texts differ: they are drawn with the same numbers, but ${rounding}. ${promise} ${repeat}`;
    default:
      return `The two texts differ: they are two draws from the same distribution, the target's. ${promise} ${repeat}`;
  }
}
