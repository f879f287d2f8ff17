// What the commands that write a model have in common.

import { existsSync, rmSync, statSync } from "node:fs";
import type { Options } from "yargs";
import { partPaths } from "../gguf-parts.js";
import { SpecdecError } from "../index.js";
import { modelFile, modelsDirOption } from "./downloads.mjs";
import { formatBytes } from "./format.mjs";
import { writeJson } from "./output.mjs";

export const writingOptions = {
  ...modelsDirOption,
  force: { boolean: true, describe: "Replace OUT if it exists" },
  json: { boolean: true, describe: "Print one JSON object" },
} as const satisfies Record<string, Options>;

export interface WritingArguments {
  in: string;
  out: string;
  modelsDir?: string | undefined;
  force?: boolean | undefined;
  json?: boolean | undefined;
}

/** Has a model written and tells of it; Ctrl-C leaves no half of it. */
export async function writeModel(
  args: WritingArguments,
  work: (file: string) => Promise<void>,
): Promise<void> {
  if (existsSync(args.out) && !args.force) {
    throw new SpecdecError(
      "ERR_WRITE",
      `${args.out} exists. Name another file, or replace it with --force.`,
    );
  }
  const file = await modelFile(args.in, args.modelsDir);
  const clean = (signal: NodeJS.Signals): void => {
    rmSync(`${args.out}.partial`, { force: true });
    process.kill(process.pid, signal); // listened for once, so now it ends the process
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, clean);
  await work(file);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, clean);

  const sizeBytes = statSync(args.out).size;
  const parts = partPaths(file).map((part) => statSync(part).size);
  const from = formatBytes(parts.reduce((sum, size) => sum + size, 0));
  process.stderr.write(`Wrote ${args.out}, ${formatBytes(sizeBytes)} (from ${from}).\n`);
  if (args.json) await writeJson({ file: args.out, sizeBytes });
}
