import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes, Options } from "yargs";
import { type Device, devices, SpecdecError } from "../../index.js";
import { type Expectation, expectationOf } from "../../fit/expectation.js";
import { readPrompts } from "../../trace/prompts.js";
import { advise } from "../../fit/advice.js";
import { modelFile } from "../downloads.mjs";
import { formatBytes, formatPercent, formatTable, printable } from "../format.mjs";
import { type GgufFile, readGgufFile } from "../gguf-file.mjs";
import { interruptible } from "../interruption.mjs";
import { toEngineOptions } from "../library-options.mjs";
import { grouped, modelOptions } from "../options.mjs";
import { write, writeJson } from "../output.mjs";
import { fitOf, memoryOf } from "../pair-fit.mjs";
import { ProgressBar } from "../progress-bar.mjs";

const string = { string: true, requiresArg: true } as const;
const number = { number: true, requiresArg: true } as const;

const measuringOptions = {
  prompts: {
    ...string,
    describe: 'JSON lines ("prompt", "question" or "instruction"), or text with a prompt a line',
    defaultDescription: "a few of several kinds",
  },
  template: { ...string, implies: "prompts", describe: "What is put around {prompt}" },
  temperature: { ...number, default: 0, describe: "0: the most probable token; 1: as trained" },
  seconds: { ...number, default: 15, describe: "How long to measure, 2 to 600" },
  json: { boolean: true, describe: "Print one JSON object" },
} as const satisfies Record<string, Options>;

/** Those of the models that say where and how they run; the files are positions. */
const placementOptions = {
  "context-size": modelOptions["context-size"],
  "draft-context-size": modelOptions["draft-context-size"],
  "gpu-layers": modelOptions["gpu-layers"],
  "draft-gpu-layers": modelOptions["draft-gpu-layers"],
  devices: modelOptions.devices,
  "draft-devices": modelOptions["draft-devices"],
  threads: modelOptions.threads,
  "draft-threads": modelOptions["draft-threads"],
  "models-dir": modelOptions["models-dir"],
} as const satisfies Record<string, Options>;

const options = {
  ...grouped("Models:", placementOptions),
  ...grouped("Measuring:", measuringOptions),
};

type Arguments = InferredOptionTypes<typeof options> & { target: string; draft: string };

/** Beginnings that models of every tuning go on with. */
const usualPrompts = [
  "The harbour lay quiet when Anna came down from the hill with her brother's letter in her hand.",
  "def is_prime(n):\n    ",
  "Question: Tom has 3 boxes with 12 pencils each. How many pencils has he?\nAnswer:",
  '{"name": "Anna", "age": 34, "city": "Bergen"}\n{"name": "Jonas",',
  "The three most important things to know about the sea are",
  "1, 2, 3, 4, 5, 6,",
];

export const fitCommand: CommandModule<object, Arguments> = {
  command: "fit <target> <draft>",
  describe: "Tell whether two models fit as target and draft, and what to expect of them here",
  builder: (parser) =>
    parser
      .positional("target", { type: "string", demandOption: true, describe: "A file, or its URI" })
      .positional("draft", { type: "string", demandOption: true, describe: "The same" })
      .options(options)
      .example("$0 fit target.gguf draft.gguf", "")
      .example("$0 fit target.gguf draft.gguf --prompts mine.txt --temperature 0.8", ""),
  handler: (args) =>
    interruptible(async (signal) => {
      if (!(args.seconds >= 2 && args.seconds <= 600)) {
        throw new SpecdecError(
          "ERR_INVALID_ARGUMENT",
          `--seconds must be a number, 2 to 600, but is ${args.seconds}.`,
        );
      }
      const prompts =
        args.prompts === undefined ? usualPrompts : await readPrompts(args.prompts, args.template);
      const check = await checked(args);
      const expectation =
        check.reasons.length === 0 ? await measured(args, check, prompts, signal) : undefined;
      const advice = expectation && advise(expectation);
      if (args.json) {
        const { reasons, notes, memory } = check;
        const fits = reasons.length === 0;
        await writeJson({
          fits,
          reasons,
          notes,
          memory,
          ...(expectation && { expectation, advice }),
        });
      } else {
        await write(describe(check));
        if (expectation) await write(`${describeExpectation(expectation)}\n${advice ?? ""}\n`);
      }
      if (check.reasons.length > 0) process.exitCode = 1;
    }),
};

/** Memory of a device, or of the processor. */
interface Place {
  place: string;
  neededBytes: number;
  freeBytes: number;
}

interface Check {
  /** The files. */
  target: string;
  draft: string;
  reasons: string[];
  /** What does not keep them from fitting. */
  notes: string[];
  memory: Place[];
}

async function checked(args: ArgumentsCamelCase<Arguments>): Promise<Check> {
  const target = readGgufFile(await modelFile(args.target, args.modelsDir));
  const draft = readGgufFile(await modelFile(args.draft, args.modelsDir));
  const memory = placesOf(args, target, draft);
  const incomplete = [target, draft]
    .filter(({ missingBytes }) => missingBytes > 0)
    .map(
      ({ path, missingBytes }) =>
        `${path} is not complete: ${formatBytes(missingBytes)} are missing`,
    );
  const tooLarge = memory
    .filter(({ neededBytes, freeBytes }) => neededBytes > freeBytes)
    .map(
      ({ place, neededBytes, freeBytes }) =>
        `they need at least ${formatBytes(neededBytes)} of memory on ${place}, where ${formatBytes(freeBytes)} are free`,
    );
  const { reasons, notes } = fitOf(target, draft);
  return {
    target: target.path,
    draft: draft.path,
    reasons: [...reasons, ...incomplete, ...tooLarge],
    notes,
    memory,
  };
}

/** Where the models would be, and whether there is room: without the buffers of the computation. */
function placesOf(args: ArgumentsCamelCase<Arguments>, target: GgufFile, draft: GgufFile): Place[] {
  const known = devices();
  const sums = new Map<string, Place>();
  const add = (
    file: GgufFile,
    {
      gpuLayers,
      names,
      contextSize,
    }: {
      gpuLayers: number | undefined;
      names: string | undefined;
      contextSize: number | undefined;
    },
  ): void => {
    const wanted = names?.split(",");
    const gpus = known.filter(
      ({ name, type }) => type.endsWith("gpu") && (wanted === undefined || wanted.includes(name)),
    );
    const onGpu = gpuLayers !== 0 && gpus.length > 0;
    const place = onGpu ? gpus.map(({ name }) => name).join(", ") : "the processor";
    const found = sums.get(place) ?? {
      place,
      neededBytes: 0,
      freeBytes: onGpu ? free(gpus) : process.availableMemory(),
    };
    // Of layers that stay on the processor nothing is said.
    const share = onGpu && gpuLayers !== undefined ? Math.min(1, gpuLayers / file.layers) : 1;
    found.neededBytes += share * memoryOf(file, contextSize).totalBytes;
    sums.set(place, found);
  };
  add(target, { gpuLayers: args.gpuLayers, names: args.devices, contextSize: args.contextSize });
  add(draft, {
    gpuLayers: args.draftGpuLayers ?? args.gpuLayers,
    names: args.draftDevices ?? args.devices,
    contextSize: args.draftContextSize ?? args.contextSize,
  });
  return [...sums.values()];
}

function free(gpus: readonly Device[]): number {
  return gpus.reduce((sum, { memoryFreeBytes }) => sum + memoryFreeBytes, 0);
}

async function measured(
  args: ArgumentsCamelCase<Arguments>,
  { target, draft }: Check,
  prompts: readonly string[],
  signal: AbortSignal,
): Promise<Expectation> {
  const bar = new ProgressBar();
  try {
    return await expectationOf({
      engine: toEngineOptions({ ...args, target, draft }),
      prompts,
      temperature: args.temperature,
      seconds: args.seconds,
      onProgress: (fraction) => {
        bar.update("Measuring", fraction);
      },
      signal,
    });
  } finally {
    bar.stop();
  }
}

function describe({ target, draft, reasons, notes, memory }: Check): string {
  const lines = [
    ...(reasons.length === 0
      ? [`They fit: ${target} as the target, ${draft} as its draft.`]
      : ["They do not fit as target and draft:", ...reasons.map((reason) => `  ${reason}`)]),
    ...notes,
    ...memory.map(
      ({ place, neededBytes, freeBytes }) =>
        `Memory on ${place}: at least ${formatBytes(neededBytes)}, of ${formatBytes(freeBytes)} that are free.`,
    ),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** Lengths that are shown beside the best. */
const shown = [0, 1, 2, 3, 4, 6, 8, 12, 16];

function describeExpectation({
  prompts,
  tokens,
  draftStepMicros,
  lengths,
  bestK,
}: Expectation): string {
  const pass = lengths[0]?.verifyMicros ?? NaN;
  const rows = lengths
    .filter(({ K }) => K === bestK || shown.includes(K))
    .map(({ K, tokensPerSecond, speedup, acceptance, verifyMicros }) => [
      K === 0 ? "plain" : `K = ${K}`,
      tokensPerSecond.toFixed(tokensPerSecond >= 100 ? 0 : 1),
      speedup.value.toFixed(2),
      speedup.low === undefined || speedup.high === undefined
        ? ""
        : `${speedup.low.toFixed(2)}…${speedup.high.toFixed(2)}`,
      acceptance === undefined ? "-" : formatPercent(acceptance),
      `${(verifyMicros / 1000).toPrecision(3)} ms, ${(verifyMicros / pass).toFixed(2)}×`,
      K === bestK ? "best" : "",
    ]);
  const heading = ["", "tokens/s", "speedup", "95 %", "accepted", "a pass", ""];
  return [
    "",
    formatTable([heading, ...rows], "right"),
    `By measured prices (a draft step ${(draftStepMicros / 1000).toPrecision(3)} ms) on ${tokens} tokens of ${prompts} replies.`,
  ].join("\n");
}
