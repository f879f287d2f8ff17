// A real browser: the machine's Chromium, driven by playwright.

import { existsSync } from "node:fs";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** The machine's Chromium or Chrome; undefined where there is none. */
export const chromiumFile = (process.env.PATH ?? "")
  .split(path.delimiter)
  .flatMap((folder) => names.map((name) => path.join(folder, name)))
  .find((file) => existsSync(file));

export function launchChromium(): Promise<Browser> {
  if (chromiumFile === undefined) {
    throw new Error(`There is none of ${names.join(", ")} in PATH; install chromium.`);
  }
  return chromium.launch({
    executablePath: chromiumFile,
    args: [
      "--no-sandbox", // which root, as in CI, may not have
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
