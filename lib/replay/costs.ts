import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { type Calibration, cacheFolder, readCalibration } from "../cost/calibration-cache";
import { type CostTable, pricesAt } from "../cost/cost-table";
import { builtInPrices, type Prices } from "../cost/prices";
import { SpecdecError } from "../errors";
import type { TraceHeader } from "../trace/format";
import type { Reply } from "./reply";
import { tokensOf } from "./walk";

/** Prices as they were named: some depend on the trace. */
export type KnownCosts = Prices | CostTable | "measured";

/** What `costs` stands for; see ReplayOptions. */
export async function knownCosts(costs: string | Prices): Promise<KnownCosts> {
  if (typeof costs !== "string") return checkPrices(costs, "costs");
  if (costs === "measured") return costs;
  const builtIn = Object.hasOwn(builtInPrices, costs) ? builtInPrices[costs] : undefined;
  return builtIn ?? (await readCosts(costs));
}

/** The prices for the rounds of a trace: those at its mean context length, where that matters. */
export async function pricesFor(
  costs: KnownCosts,
  header: TraceHeader,
  replies: readonly Reply[],
): Promise<Prices> {
  const known = costs === "measured" ? await measuredCosts(header) : costs;
  return "draftStepMicros" in known ? known : pricesAt(known, meanContext(replies));
}

/** Over the tokens of all replies: how many there were before each. */
function meanContext(replies: readonly Reply[]): number {
  const sum = replies.reduce(
    (all, { promptTokens, length }) => all + length * (promptTokens + (length - 1) / 2),
    0,
  );
  return sum / tokensOf(replies);
}

async function readCosts(file: string): Promise<Prices | CostTable> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw noCosts(file, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${file} is not JSON: ${(error as Error).message}. ${expectation}`,
      { cause: error },
    );
  }
  const { costs } = (value ?? {}) as Partial<Calibration>;
  return costs === undefined ? checkPrices(value, file) : checkTable(costs, file);
}

const expectation =
  'Prices are {"draftStepMicros": t_d, "verifyMicros": [V(0), V(1), …]}, times above 0, or what calibrate --json prints.';

/** A name that is no list and no file. */
function noCosts(name: string, cause: unknown): SpecdecError {
  const lists = Object.keys(builtInPrices).map((list) => `"${list}"`);
  const looksLikeFile = /[./\\]/.test(name);
  return looksLikeFile
    ? new SpecdecError(
        "ERR_FILE_NOT_FOUND",
        `There are no prices to read in ${name}. Check the path; relative ones start at ${process.cwd()}.`,
        { cause },
      )
    : new SpecdecError(
        "ERR_INVALID_ARGUMENT",
        `costs must be "measured", the name of a price list (${lists.join(", ")}) or a JSON file, but is ${JSON.stringify(name)}.`,
        { cause },
      );
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value < Infinity;
}

function checkPrices(value: unknown, where: string): Prices {
  const { draftStepMicros, verifyMicros } = (value ?? {}) as Partial<Prices>;
  const isList = Array.isArray(verifyMicros) && verifyMicros.length > 0;
  if (!isTime(draftStepMicros) || !isList || !verifyMicros.every(isTime)) {
    const wrong = isTime(draftStepMicros) ? "verifyMicros" : "draftStepMicros";
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${where}: ${wrong} is missing or not as it should be. ${expectation}`,
    );
  }
  return { draftStepMicros, verifyMicros };
}

function checkTable(costs: unknown, where: string): CostTable {
  const table = (Array.isArray(costs) ? costs : []) as Partial<CostTable[number]>[];
  const good = table.every(
    ({ contextLength, draftStep, verify }) =>
      typeof contextLength === "number" &&
      isTime(draftStep?.micros) &&
      Array.isArray(verify) &&
      verify.length > 0 &&
      verify.every((timing) => isTime(timing.micros)),
  );
  if (!good || table.length === 0) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${where}: costs is not as a calibration has it. ${expectation}`,
    );
  }
  return table as CostTable;
}

/** The newest calibration of the trace's models. */
async function measuredCosts({ models, fingerprints }: TraceHeader): Promise<CostTable> {
  const folder = path.join(cacheFolder(), "calibrations");
  let newest: Calibration | undefined;
  for (const name of await readdir(folder).catch(() => [])) {
    const calibration = await calibrationIn(path.join(folder, name));
    if (
      calibration?.identity.target.fingerprint === fingerprints.target &&
      calibration.identity.draft.fingerprint === fingerprints.draft &&
      calibration.measuredAt > (newest?.measuredAt ?? "")
    ) {
      newest = calibration;
    }
  }
  if (newest !== undefined) return newest.costs;
  throw new SpecdecError(
    "ERR_FILE_NOT_FOUND",
    `There is no calibration of the trace's models in ${folder}. Make one: specdecpp calibrate --target ${models.target} --draft ${models.draft}`,
  );
}

/** None if the file is no calibration: the cache checks it against the identity that it gives. */
async function calibrationIn(file: string): Promise<Calibration | undefined> {
  try {
    const { identity } = JSON.parse(await readFile(file, "utf8")) as Calibration;
    return await readCalibration(file, identity);
  } catch {
    return undefined;
  }
}
