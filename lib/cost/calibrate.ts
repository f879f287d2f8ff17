import { createEngine } from "../create-engine";
import type { Engine } from "../engine";
import { SpecdecError } from "../errors";
import { type CalibrateOptions, resolveCalibration } from "./options";
import {
  type Calibration,
  calibrationFile,
  readCalibration,
  writeCalibration,
} from "./calibration-cache";
import type { CostTable } from "./cost-table";
import { measureCosts } from "./measurement";

export interface CalibrationResult extends Calibration {
  /** Whether it had been measured before. */
  cached: boolean;
  /** Where it is kept; none if it could not be written. */
  file?: string;
}

/**
 * Measures what a draft step and a verification cost, t_d and V(K), with these models on this machine.
 * The result is kept in the user's cache folder, where engines of the same models and settings find it
 * and the next call too.
 *
 * Rejects as createEngine does, and with ERR_DECODE.
 */
export async function calibrate(options: CalibrateOptions): Promise<CalibrationResult> {
  const { engine: engineOptions, seconds, force, maxAgeDays } = resolveCalibration(options);
  await using engine = await createEngine(engineOptions);
  const { pair } = engine;
  if (pair === undefined) throw new Error("an engine without its draft"); // it was asked for
  const { identity, contextSize, maxDraft } = pair;
  const file = calibrationFile(identity);
  const known = force ? undefined : await readCalibration(file, identity);
  if (
    known &&
    Math.abs(ageDays(known)) <= maxAgeDays && // one of the future is of a clock that was wrong
    known.contextSize >= contextSize &&
    known.maxDraftTokens >= maxDraft
  ) {
    return { ...known, cached: true, file };
  }

  const costs = await measure(engine, pair, { ...options, seconds });
  const calibration: Calibration = {
    format: 1,
    measuredAt: new Date().toISOString(),
    identity,
    contextSize,
    maxDraftTokens: maxDraft,
    costs: [...costs],
  };
  const written = await writeCalibration(file, calibration);
  return { ...calibration, cached: false, ...(written && { file }) };
}

const dayMillis = 24 * 60 * 60 * 1000;

/** Days since it was measured. */
export function ageDays({ measuredAt }: Pick<Calibration, "measuredAt">): number {
  return (Date.now() - Date.parse(measuredAt)) / dayMillis;
}

function measure(
  engine: Engine,
  { contextSize, maxDraft }: { contextSize: number; maxDraft: number },
  {
    seconds,
    signal,
    onProgress,
  }: Pick<CalibrateOptions, "signal" | "onProgress"> & { seconds: number },
): Promise<CostTable> {
  const room = contextSize - maxDraft;
  if (room < 1) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `contextSize must be more than maxDraftTokens, ${maxDraft}, or no draft has room in it, but is ${contextSize}.`,
    );
  }
  const text = longText(engine, room);
  return engine.withSession(
    (session, ended) =>
      measureCosts(session, { text, maxDraft, millis: seconds * 1000, signal: ended, onProgress }),
    signal,
  );
}

/** Plain prose: what a model with experts reads decides which of them a pass has to load. */
const prose = `The harbour lay quiet when Anna came down from the hill with her brother's letter in her hand. She had read it twice on the way, and still she did not know whether he meant to return before the winter or to stay where he was. "He writes about the weather," she told the old man who mended nets beside the wall, "and about a horse that he has bought, and about the price of wood. Of himself he says nothing." The old man looked up and counted on his fingers: five weeks to the first frost, two for the journey, one for the roads, which were bad. "Then he has two weeks left to make up his mind," he said, "and you have two weeks to wait. There is bread in the kitchen, and the boat needs paint."
`;

function longText(engine: Engine, length: number): Int32Array {
  const proseTokens = engine.tokenize(prose).length - 1; // each text may begin with one of its own
  const tokens = engine.tokenize(prose.repeat(Math.ceil(length / proseTokens)));
  return Int32Array.from(tokens.slice(0, length));
}
