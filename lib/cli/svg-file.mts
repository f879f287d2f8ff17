import { writeFileSync } from "node:fs";
import { SpecdecError } from "../index.js";

/** Writes a picture. Throws ERR_WRITE. */
export function writeSvg(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    throw new SpecdecError(
      "ERR_WRITE",
      `Cannot write ${file}: ${(error as Error).message}. Check the folder and its permissions.`,
      { cause: error },
    );
  }
}
