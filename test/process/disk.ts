import { mkdirSync } from "node:fs";
import { run } from "./child";

/** Makes a folder that is a disk of so many bytes (or "16m"). False where none can be mounted: then it is said. */
export function mountDisk(folder: string, size: number | string): boolean {
  mkdirSync(folder);
  const { status, stderr } = run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", folder]);
  if (status !== 0) console.warn(`not tested, no tmpfs can be mounted here: ${stderr}`);
  return status === 0;
}
