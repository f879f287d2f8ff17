import path from "node:path";
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes, Options } from "yargs";
import { ageDays } from "../../cost/calibrate.js";
import { calibrate, type CalibrationResult, type Timing } from "../../index.js";
import { drawCosts } from "../../plot/costs.mjs";
import { downloadReporter } from "../downloads.mjs";
import { formatTable, printable } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import { toEngineOptions } from "../library-options.mjs";
import { decodingOptions, grouped, modelOptions } from "../options.mjs";
import { ProgressBar } from "../progress-bar.mjs";
import { write, writeJson } from "../output.mjs";
import { writeSvg } from "../svg-file.mjs";

const number = { number: true, requiresArg: true } as const;

const ownModelOptions = {
  ...modelOptions,
  draft: { ...modelOptions.draft, demandOption: true },
  "max-draft": {
    ...decodingOptions["max-draft"],
    describe: "The longest draft to measure, 1 to 64",
    defaultDescription: "16",
  },
} as const satisfies Record<string, Options>;

const measuringOptions = {
  seconds: { ...number, describe: "How long to measure, 1 to 3600", defaultDescription: "20" },
  force: { boolean: true, describe: "Measure although there is a calibration" },
  "max-age": {
    ...number,
    describe: "Measure again what is older, in days",
    defaultDescription: "30",
  },
} as const satisfies Record<string, Options>;

const outputOptions = {
  json: { boolean: true, describe: "Print one JSON object" },
  svg: { string: true, requiresArg: true, describe: "File for a picture of the curve" },
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", ownModelOptions),
  ...grouped("Measuring:", measuringOptions),
  ...grouped("Output:", outputOptions),
};

type Arguments = InferredOptionTypes<typeof options>;

export const calibrateCommand: CommandModule<object, Arguments> = {
  command: "calibrate",
  describe: "Measure what drafting and verifying cost on this machine, and keep it for engines",
  builder: (parser) =>
    parser
      .options(options)
      .example("$0 calibrate --target T.gguf --draft D.gguf", "")
      .example("$0 calibrate --target T.gguf --draft D.gguf --force --svg costs.svg", ""),
  handler: (args) =>
    interruptible(async (signal) => {
      const result = await measured(args, signal);
      if (args.json) await writeJson(result);
      else await write(describe(result, args));
      if (args.svg !== undefined) writeSvg(args.svg, await drawCosts(result));
    }),
};

async function measured(
  args: ArgumentsCamelCase<Arguments>,
  signal: AbortSignal,
): Promise<CalibrationResult> {
  const { target, draft, ...engine } = toEngineOptions(args);
  const bar = new ProgressBar();
  try {
    return await calibrate({
      ...engine,
      target,
      draft: draft ?? args.draft,
      ...(args.seconds !== undefined && { seconds: args.seconds }),
      ...(args.maxAge !== undefined && { maxAgeDays: args.maxAge }),
      force: args.force ?? false,
      signal,
      onDownloadProgress: downloadReporter(bar),
      onLoadProgress: ({ model, fraction }) => {
        bar.update(`Loading the ${model}`, fraction);
      },
      onProgress: (fraction) => {
        bar.update("Measuring", fraction);
      },
    });
  } finally {
    bar.stop();
  }
}

function describe(result: CalibrationResult, files: { target: string; draft: string }): string {
  const { costs, identity, cached } = result;
  const { machine, target, draft, llamaCpp } = identity;
  const plain = costs[0]?.verify[0]?.micros ?? NaN;
  const heading = ["", ...costs.map(({ contextLength }) => `at ${contextLength} tokens`)];
  const rows = [
    ["a draft step", ...costs.map(({ draftStep }) => formatTiming(draftStep))],
    ...(costs[0]?.verify ?? []).map((_, K) => [
      K === 0 ? "a pass, plain" : `a pass, ${K} drafted`,
      ...costs.map(({ verify }) => formatTiming(verify[K], plain)),
    ]),
  ];
  const measured = result.costs.some(({ verify }) => verify.some(({ samples }) => samples === 0))
    ? "\n~ not measured in the time, but on the line between its neighbours."
    : "";
  return [
    printable(`target  ${path.basename(files.target)} (${target.description})`),
    printable(`draft   ${path.basename(files.draft)} (${draft.description})`),
    `${printable([machine.processor, ...machine.devices].join(", "))}, ${machine.cores} cores, llama.cpp ${llamaCpp}`,
    cached
      ? `Measured ${formatAge(ageDays(result))}; --force measures again.`
      : `Measured now${result.file === undefined ? ", and not kept" : ""}.`,
    "",
    formatTable([heading, ...rows], "right"),
    `Milliseconds: medians, 95 % intervals, and multiples of plain decoding at ${costs[0]?.contextLength ?? NaN} tokens.${measured}`,
    result.file === undefined ? "" : `Kept in ${result.file}\n`,
  ].join("\n");
}

function formatTiming(timing: Timing | undefined, plain?: number): string {
  if (timing === undefined) return "";
  const { micros, low, high, samples } = timing;
  const text = samples === 0 ? `~${ms(micros)}` : `${ms(micros)} (${ms(low)}–${ms(high)})`;
  return plain === undefined ? text : `${text} ${(micros / plain).toFixed(2)}×`;
}

/** Three digits or so. */
function ms(micros: number): string {
  const value = micros / 1000;
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function formatAge(days: number): string {
  const units = [
    ["day", 1],
    ["hour", 24],
    ["minute", 24 * 60],
  ] as const;
  for (const [name, perDay] of units) {
    const count = Math.floor(days * perDay);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}
