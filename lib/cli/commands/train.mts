import { existsSync } from "node:fs";
import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes, Options } from "yargs";
import type { HeadMetrics } from "../../head/metrics.js";
import type { HeadOutput } from "../../head/outputs.js";
import type { EpochReport, NamedMetrics, TrainingPlan } from "../../head/report.js";
import {
  SpecdecError,
  trainHead,
  type TrainHeadOptions,
  type TrainHeadResult,
} from "../../index.js";
import { drawLearningCurve } from "../../plot/learning-curve.mjs";
import { drawReliability } from "../../plot/reliability.mjs";
import { formatBytes, formatCount, formatTable } from "../format.mjs";
import { interruptible } from "../interruption.mjs";
import { given } from "../library-options.mjs";
import { grouped } from "../options.mjs";
import { write, writeJson } from "../output.mjs";
import { ProgressBar } from "../progress-bar.mjs";
import { writeSvg } from "../svg-file.mjs";

const number = { number: true, requiresArg: true } as const;
const string = { string: true, requiresArg: true } as const;

const dataOptions = {
  trace: {
    ...string,
    array: true,
    demandOption: true,
    describe: "Folder of a trace with states; may be given several times, for one pair",
  },
  out: { ...string, demandOption: true, describe: "The head file" },
  force: { boolean: true, describe: "Replace the head file if it exists" },
} as const satisfies Record<string, Options>;

const shapeOptions = {
  kind: {
    ...string,
    choices: ["full", "paper"] as const,
    describe: "full: three outputs, from states and probabilities; paper: SpecDec++'s own",
    defaultDescription: "full",
  },
  depth: { ...number, describe: "Residual blocks, 0 to 4", defaultDescription: "1; paper: 3" },
  tied: { boolean: true, describe: "The blocks share their weights" },
  hidden: {
    ...number,
    describe: "Width of each output's own layer; full alone",
    defaultDescription: "64",
  },
  "token-columns": {
    ...number,
    describe: "Numbers of the drawn token's embedding; full alone",
    defaultDescription: "32",
  },
  draft: {
    ...string,
    describe: "GGUF file of the draft, for token columns",
    defaultDescription: "where it was traced",
  },
  type: {
    ...string,
    choices: ["f32", "f16", "q8_0"] as const,
    describe: "How the file stores matrices",
    defaultDescription: "f16",
  },
} as const satisfies Record<string, Options>;

const trainingOptions = {
  epochs: { ...number, describe: "Passes over the data at most", defaultDescription: "10" },
  patience: {
    ...number,
    describe: "Epochs without a better loss on held-out prompts, after which to stop",
    defaultDescription: "3",
  },
  "batch-size": { ...number, describe: "Examples of a step", defaultDescription: "256" },
  "learning-rate": {
    ...number,
    describe: "The highest; it rises, then falls along a cosine",
    defaultDescription: "0.001",
  },
  "weight-decay": { ...number, describe: "AdamW's", defaultDescription: "0.1" },
  "state-dropout": {
    ...number,
    describe: "Share of a state's numbers that a step leaves out",
    defaultDescription: "0.3; paper: 0",
  },
  "rejection-weight": {
    ...number,
    describe: "Weight of rejections in the loss; SpecDec++: 1, 3, 6 or 12",
    defaultDescription: "1",
  },
  calibrate: {
    boolean: true,
    default: true,
    describe: "Calibrate on held-out prompts; --no-calibrate: leave scores as trained",
  },
  seed: { ...number, describe: "Of weights, order and split", defaultDescription: "0" },
  threads: { ...number, describe: "Threads on the processor", defaultDescription: "one a core" },
} as const satisfies Record<string, Options>;

const outputOptions = {
  json: { boolean: true, describe: "Print one JSON object" },
  "reliability-svg": { ...string, describe: "File for a picture: what was predicted, what came" },
  "curve-svg": { ...string, describe: "File for a picture of the losses by epoch" },
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Data:", dataOptions),
  ...grouped("Head:", shapeOptions),
  ...grouped("Training:", trainingOptions),
  ...grouped("Output:", outputOptions),
};

type Arguments = InferredOptionTypes<typeof options>;

export const trainCommand: CommandModule<object, Arguments> = {
  command: "train",
  describe: "Train an acceptance prediction head on traces, for rules that predict acceptance",
  builder: (parser) =>
    parser
      .options(options)
      .example("$0 train --trace trace-t1 --trace trace-t0 --out head.gguf", "")
      .example("$0 train --trace trace --out paper.gguf --kind paper --rejection-weight 6", ""),
  handler: (args) =>
    interruptible(async (signal) => {
      if (existsSync(args.out) && !args.force) {
        throw new SpecdecError(
          "ERR_WRITE",
          `${args.out} exists. Name another file, or replace it with --force.`,
        );
      }
      const result = await trained(args, signal);
      if (args.json) await writeJson(result);
      else await write(describe(result));
      const { reliabilitySvg, curveSvg } = args;
      if (reliabilitySvg !== undefined) writeSvg(reliabilitySvg, await drawReliability(result));
      if (curveSvg !== undefined) writeSvg(curveSvg, await drawLearningCurve(result));
    }),
};

async function trained(
  args: ArgumentsCamelCase<Arguments>,
  signal: AbortSignal,
): Promise<TrainHeadResult> {
  const bar = new ProgressBar();
  const tell = (text: string): void => {
    bar.stop();
    process.stderr.write(text);
  };
  let epochs = 0;
  try {
    return await trainHead({
      ...toTrainOptions(args),
      signal,
      onStart: (plan) => {
        tell(introduction(plan));
      },
      onProgress: ({ epoch, fraction }) => {
        bar.update(`Epoch ${epoch}`, fraction);
      },
      onEpoch: (epoch) => {
        epochs += 1;
        tell(epochLine(epoch));
      },
    });
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.code === "ERR_ABORTED" && epochs > 0) {
      tell(`${args.out}.checkpoint has ${epochs} epochs; the same command goes on from there.\n`);
    }
    throw error;
  } finally {
    bar.stop();
  }
}

function toTrainOptions(args: ArgumentsCamelCase<Arguments>): TrainHeadOptions {
  const { trace, out, kind, depth, tied, hidden, type, epochs, patience, seed, threads } = args;
  const { tokenColumns, draft, batchSize, learningRate, weightDecay, stateDropout } = args;
  const { rejectionWeight, calibrate } = args;
  return {
    ...{ trace, out, calibrate },
    ...given({ kind, depth, tied, hidden, type, epochs, patience, seed, threads }),
    ...given({ tokenColumns, draft, batchSize, learningRate, weightDecay, stateDropout }),
    ...given({ rejectionWeight }),
  };
}

function introduction({ examples, prompts, parameters, done, predictors }: TrainingPlan): string {
  return [
    `${formatCount(parameters)} weights learn from ${formatCount(examples.train)} draft steps of ${prompts.train} prompts; ${prompts.stop} prompts say when to stop, ${prompts.test} judge the result.`,
    ...(done > 0 ? [`Goes on after epoch ${done}.`] : []),
    "Without a head, on the prompts that say when to stop:",
    ...Object.entries(predictors).map(([output, all]) => predictorTable(output as HeadOutput, all)),
    "",
  ].join("\n");
}

const columns = ["loss", "KL", "Brier", "AUC", "ECE"];

function figures({ loss, kl, brier, auc, ece }: HeadMetrics): string[] {
  return [loss, kl, brier, auc, ece].map((value) => value.toFixed(4));
}

function predictorTable(output: HeadOutput, all: readonly NamedMetrics[]): string {
  return formatTable(
    [[output, ...columns], ...all.map((each) => [`  ${each.name}`, ...figures(each)])],
    "right",
  );
}

function epochLine({ epoch, trainLoss, loss, outputs }: EpochReport): string {
  const each = Object.entries(outputs).map(
    ([output, { brier, auc, ece, kl }]) =>
      `${output}: KL ${kl.toFixed(4)}, Brier ${brier.toFixed(4)}, AUC ${auc.toFixed(4)}, ECE ${ece.toFixed(3)}`,
  );
  return `Epoch ${epoch}: loss ${trainLoss.toFixed(4)} trained, ${loss.toFixed(4)} held out; ${each.join("; ")}\n`;
}

function describe({ out, sizeBytes, outputs, survival, best, epochs }: TrainHeadResult): string {
  const tables = Object.entries(outputs).map(([output, { head, uncalibrated, predictors }]) =>
    formatTable(
      [
        [output, ...columns],
        ["  the head", ...figures(head)],
        ["  before calibration", ...figures(uncalibrated)],
        ...predictors.map((each) => [`  ${each.name}`, ...figures(each)]),
      ],
      "right",
    ),
  );
  const products = survival
    ? [
        formatTable(
          [
            ["a draft's first k tokens", ...columns],
            ["  product, rejection sampling", ...figures(survival.rejection.product)],
            ["  calibrated", ...figures(survival.rejection.calibrated)],
            ["  product, block verification", ...figures(survival.block.product)],
            ["  calibrated", ...figures(survival.block.calibrated)],
          ],
          "right",
        ),
      ]
    : [];
  return [
    `On prompts that neither training nor calibration has seen:\n`,
    ...tables,
    ...products,
    `${out}: ${formatBytes(sizeBytes)}, the weights after epoch ${best} of ${epochs.length}\n`,
  ].join("\n");
}
