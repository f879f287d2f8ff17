import { readFileSync } from "node:fs";
import path from "node:path";

/** The folder of this package. */
export const packageRoot = path.join(import.meta.dirname, "..", "..");

export const { version } = JSON.parse(
  readFileSync(path.join(packageRoot, "package.json"), "utf8"),
) as { version: string };
