import type { CommandModule } from "yargs";
import { SpecdecError } from "../../index.js";
import { modelFile, modelsDirOption } from "../downloads.mjs";
import { formatBytes, formatCount, formatTable, printable } from "../format.mjs";
import { type GgufFile, readGgufFile } from "../gguf-file.mjs";
import {
  describeHeads,
  type HeadFile,
  isHeadFile,
  readHeadFile,
  strangersOf,
} from "../head-file.mjs";
import { write, writeJson } from "../output.mjs";
import { type Fit, fitOf, type Memory, memoryOf } from "../pair-fit.mjs";

interface Arguments {
  files: string[];
  modelsDir?: string | undefined;
  contextSize?: number | undefined;
  json?: boolean | undefined;
}

export const inspectCommand: CommandModule<object, Arguments> = {
  command: "inspect <files...>",
  describe: "Tell what GGUF files are, models and heads, and whether they fit together",
  builder: (parser) =>
    parser
      .positional("files", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "GGUF files, or their URIs",
      })
      .options(modelsDirOption)
      .option("context-size", {
        number: true,
        requiresArg: true,
        describe: "Tokens that the memory is worked out for",
        defaultDescription: "as trained, at most 4096",
      })
      .option("json", { boolean: true, describe: "Print one JSON object" })
      .example("$0 inspect target.gguf draft.gguf", "")
      .example("$0 inspect target.gguf draft.gguf head.gguf", "")
      .example("$0 inspect --context-size 8192 model.gguf", ""),
  handler: async ({ files: paths, modelsDir, contextSize, json }) => {
    if (contextSize !== undefined && !(Number.isInteger(contextSize) && contextSize >= 2)) {
      throw new SpecdecError(
        "ERR_INVALID_ARGUMENT",
        `--context-size must be a whole number, 2 or more, but is ${contextSize}.`,
      );
    }
    const models: Inspected[] = [];
    const heads: HeadFile[] = [];
    for (const path of paths) {
      if (isHeadFile(path)) {
        heads.push(await readHeadFile(path));
        continue;
      }
      const file = readGgufFile(await modelFile(path, modelsDir));
      models.push({ ...file, memory: memoryOf(file, contextSize) });
    }
    const [target, draft, ...others] = models;
    const pair = target && draft && others.length === 0 ? fitOf(target, draft) : undefined;
    const strangers: Strangers = new Map();
    if (pair && target && draft) {
      const files = { target: target.path, draft: draft.path };
      for (const head of heads) strangers.set(head, await strangersOf(head, files));
    }
    if (json) {
      const withFit = (head: HeadFile): object => {
        const others = strangers.get(head);
        return { ...head, ...(others && { madeForPair: others.length === 0 }) };
      };
      await writeJson({
        files: models.map(toJson),
        ...(heads.length > 0 && { heads: heads.map(withFit) }),
        ...(pair && { pair }),
      });
      return;
    }
    const parts = [
      ...(models.length > 0 ? [describe(models) + (pair ? describeFit(pair) : "")] : []),
      ...(heads.length > 0 ? [describeHeads(heads) + describeStrangers(strangers)] : []),
    ];
    await write(parts.join("\n"));
  },
};

/** Of each head, which of two models it was not made for. */
type Strangers = Map<HeadFile, ("target" | "draft")[]>;

function describeStrangers(strangers: Strangers): string {
  return Array.from(strangers, ([{ path }, others]) =>
    others.length === 0
      ? `\n${printable(path)} was made for them.\n`
      : `\n${printable(path)} was made for another ${others.join(" and another ")}.\n`,
  ).join("");
}

interface Inspected extends GgufFile {
  memory: Memory;
}

function toJson({ vocabulary: { type, tokens }, ...model }: Inspected): object {
  return {
    ...model,
    complete: model.missingBytes === 0,
    vocabulary: { type, size: tokens.length },
  };
}

function describe(models: readonly Inspected[]): string {
  const row = (label: string, value: (model: Inspected) => string): string[] => [
    label,
    ...models.map((model) => printable(value(model))),
  ];
  return formatTable(
    [
      row("file", ({ path }) => path),
      row("name", ({ name }) => name ?? "-"),
      row("architecture", (file) => file.architecture + (file.recurrent ? " (recurrent)" : "")),
      row("parameters", ({ parameters }) => formatCount(parameters)),
      row("quantization", ({ quantization }) => quantization ?? "-"),
      row("size", ({ sizeBytes }) => formatBytes(sizeBytes)),
      row("complete", ({ missingBytes }) =>
        missingBytes === 0 ? "yes" : `no: ${formatBytes(missingBytes)} missing`,
      ),
      row("layers × width", ({ layers, width }) => `${layers} × ${width}`),
      row("trained context", ({ trainedContextSize }) => `${trainedContextSize} tokens`),
      row("vocabulary", ({ vocabulary }) => `${vocabulary.tokens.length}, ${vocabulary.type}`),
      row("chat template", ({ hasChatTemplate }) => (hasChatTemplate ? "yes" : "no")),
      row("licence", ({ licence }) => licence ?? "-"),
      row("memory, at least", ({ weightsBytes, memory }) => {
        const cache =
          memory.cacheBytes > 0
            ? `cache of ${memory.contextSize} tokens ${formatBytes(memory.cacheBytes)}`
            : "no KV cache";
        return `${formatBytes(memory.totalBytes)} (weights ${formatBytes(weightsBytes)}, ${cache})`;
      }),
    ],
    "left",
  );
}

function describeFit({ fits, reasons, notes }: Fit): string {
  return fits
    ? ["\nThey fit: the first as the target, the second as its draft.", ...notes, ""].join("\n")
    : `\nThey do not fit as target and draft:\n${reasons.map((reason) => `  ${printable(reason)}\n`).join("")}`;
}
