// Calibrations that were made before, one file each in the user's cache folder.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { LengthCosts, Timing } from "./cost-table";
import type { Identity } from "./machine";

const calibrationFormat = 1;

/** What drafting and verifying was measured to cost. */
export interface Calibration {
  format: typeof calibrationFormat;
  /** ISO 8601. */
  measuredAt: string;
  /** What it was measured of, and on. */
  identity: Identity;
  /** Tokens that the contexts held. */
  contextSize: number;
  maxDraftTokens: number;
  /** By context length, ascending: more than one only where they differ by more than noise. */
  costs: LengthCosts[];
}

/** Where caches of this package are. By the rules of the platform; $XDG_CACHE_HOME has to be absolute. */
export function cacheFolder(): string {
  const { platform, env } = process;
  if (platform === "darwin") return path.join(homedir(), "Library", "Caches", "specdecpp");
  if (platform === "win32") {
    const local = env.LOCALAPPDATA ?? path.join(homedir(), "AppData", "Local");
    return path.join(local, "specdecpp", "Cache");
  }
  const given = env.XDG_CACHE_HOME ?? "";
  return path.join(path.isAbsolute(given) ? given : path.join(homedir(), ".cache"), "specdecpp");
}

export function calibrationFile(identity: Identity, folder = cacheFolder()): string {
  const name = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
  return path.join(folder, "calibrations", `${name}.json`);
}

/** The calibration in a file, if it is one of `identity`; a broken file is warned of and left out. */
export async function readCalibration(
  file: string,
  identity: Identity,
): Promise<Calibration | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") warn(`cannot be read: ${String(error)}`, file);
    return undefined;
  }
  try {
    const value = JSON.parse(text) as Calibration;
    const { format }: { format: number } = value;
    if (format !== calibrationFormat) return undefined; // of another version of this package
    if (!isDeepStrictEqual(value.identity, identity)) return undefined; // of another machine or model
    checkCalibration(value);
    return value;
  } catch (error) {
    warn(`is broken (${(error as Error).message}) and not used`, file);
    return undefined;
  }
}

/** In full or not at all. Whether it could be; if not, a warning says why. */
export async function writeCalibration(file: string, calibration: Calibration): Promise<boolean> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(partial, `${JSON.stringify(calibration, undefined, 2)}\n`);
    await rename(partial, file);
    return true;
  } catch (error) {
    warn(`cannot be written, so it will have to be measured again: ${String(error)}`, file);
    await rm(partial, { force: true }).catch(() => undefined);
    return false;
  }
}

function checkCalibration({ measuredAt, contextSize, maxDraftTokens, costs }: Calibration): void {
  const fail = (what: string): never => {
    throw new TypeError(`${what} is not as it should be`);
  };
  if (Number.isNaN(Date.parse(measuredAt))) fail("measuredAt");
  if (!Number.isInteger(contextSize)) fail("contextSize");
  if (!Array.isArray(costs) || costs.length === 0) fail("costs");
  for (const [i, { contextLength, draftStep, verify }] of costs.entries()) {
    if (!(contextLength > (costs[i - 1]?.contextLength ?? -1))) fail("contextLength");
    if (!isTiming(draftStep)) fail("draftStep");
    if (verify.length !== maxDraftTokens + 1 || !verify.every(isTiming)) fail("verify");
  }
}

function isTiming(value: Partial<Timing> | undefined): boolean {
  const { micros, low, high, samples } = value ?? {};
  return (
    [micros, low, high, samples].every((number) => Number.isFinite(number)) && (micros ?? 0) > 0
  );
}

function warn(what: string, file: string): void {
  process.emitWarning(`The calibration ${file} ${what}.`, "SpecdecWarning");
}
