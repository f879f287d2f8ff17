// The demo's target: the embedded one, made as dear as a model of about a hundred million parameters.

import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { deepen, SpecdecError } from "../index.js";
import { formatBytes } from "./format.mjs";
import { readGgufFile } from "./gguf-file.mjs";
import { packageRoot, version } from "./package.mjs";

export const embedded = {
  target: path.join(packageRoot, "models", "demo", "target.gguf"),
  draft: path.join(packageRoot, "models", "demo", "draft.gguf"),
  head: path.join(packageRoot, "models", "demo", "head.gguf"),
};

/** The path of the embedded target with idle layers, which is made unless it is there. */
export async function demoTarget(idleLayers: number): Promise<string> {
  if (idleLayers === 0) return embedded.target;
  if (!(idleLayers > 0)) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `--layers must be 0 or more, but is ${idleLayers}.`,
    );
  }
  const file = path.join(writableFolder(), `target-${idleLayers}-idle-layers.gguf`);
  if (isUsable(file, idleLayers)) return file;
  process.stderr.write(
    `Making ${path.relative(process.cwd(), file)}: the embedded target with ${idleLayers} idle layers.\n`,
  );
  await deepen(embedded.target, file, idleLayers);
  process.stderr.write(
    `Wrote ${formatBytes(statSync(file).size)}; the next demo finds it there.\n`,
  );
  return file;
}

/** This package's build folder, or one of the user's own where that cannot be written. */
function writableFolder(): string {
  const usual = path.join(packageRoot, "build", "demo");
  try {
    mkdirSync(usual, { recursive: true });
    accessSync(usual, constants.W_OK);
    return usual;
  } catch {
    const fallback = path.join(tmpdir(), `specdecpp-${version}-demo-${userInfo().username}`);
    mkdirSync(fallback, { recursive: true, mode: 0o700 });
    process.stderr.write(`${usual} cannot be written; using ${fallback}.\n`);
    return fallback;
  }
}

/** Whether the file is there, whole, and made of today's embedded target. */
function isUsable(file: string, idleLayers: number): boolean {
  if (!existsSync(file) || statSync(file).mtimeMs < statSync(embedded.target).mtimeMs) return false;
  try {
    const { layers, missingBytes } = readGgufFile(file);
    return layers === readGgufFile(embedded.target).layers + idleLayers && missingBytes === 0;
  } catch {
    return false; // something else of that name, which is made anew
  }
}
