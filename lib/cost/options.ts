import { flag, number, object } from "../checks";
import { engineKeys, type EngineOptions, resolveEngine } from "../engine-options";
import { SpecdecError } from "../errors";

/** An engine with a draft, and how its prices are measured. */
export interface CalibrateOptions extends EngineOptions {
  draft: NonNullable<EngineOptions["draft"]>;
  /** How long to measure, 1…3600; loading the models is not counted. Default 20. */
  seconds?: number;
  /** Measure although there is a calibration. Default false. */
  force?: boolean;
  /** Measure again what was measured more than so many days ago, 0…36500. Default 30. */
  maxAgeDays?: number;
  /** Called while measuring. fraction: 0…1 of the time. */
  onProgress?: (fraction: number) => void;
}

export interface ResolvedCalibration {
  /** createEngine's options. */
  engine: EngineOptions;
  seconds: number;
  force: boolean;
  maxAgeDays: number;
}

export function resolveCalibration(given: CalibrateOptions): ResolvedCalibration {
  const all = object("calibrate's options", given, [...engineKeys, ...calibrateKeys]);
  const { seconds, force, maxAgeDays } = all;
  const engine = Object.fromEntries(
    Object.entries(all).filter(([name]) => (engineKeys as readonly string[]).includes(name)),
  ) as unknown as EngineOptions;
  if (engine.draft === undefined) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      "calibrate needs a draft: it measures what drafting costs beside verifying.",
    );
  }
  resolveEngine(engine);
  return {
    engine,
    seconds: number("seconds", seconds, 20, 1, 3600),
    force: flag("force", force, false),
    maxAgeDays: number("maxAgeDays", maxAgeDays, 30, 0, 36_500),
  };
}

const calibrateKeys = [
  "seconds",
  "force",
  "maxAgeDays",
  "onProgress",
] satisfies (keyof CalibrateOptions)[];
