import path from "node:path";

/** In a packed Electron app, what the system loads lies outside of the archive. */
export function unpacked(file: string): string {
  return file.replace(`app.asar${path.sep}`, `app.asar.unpacked${path.sep}`);
}
