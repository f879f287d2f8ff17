import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  calibrate,
  type CalibrateOptions,
  type CalibrationResult,
  createEngine,
  type Policy,
  type Prices,
  type RoundInfo,
} from "../../lib";
import { median } from "../../lib/cost/timing";
import { demoDraft, demoTarget, gsm8k, prompt, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

const { XDG_CACHE_HOME } = process.env;
const maxDraftTokens = 8;
const pair: CalibrateOptions = {
  target: { path: demoTarget, threads },
  draft: { path: demoDraft, threads },
  maxDraftTokens,
};

let folder: string;
let warnings: jest.SpyInstance;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  process.env.XDG_CACHE_HOME = folder;
  warnings = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
});

afterEach(() => {
  warnings.mockRestore();
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true, force: true });
});

/** Changes the file of a calibration as another program might. */
function edit(
  { file }: CalibrationResult,
  change: (calibration: CalibrationResult) => object | string,
): void {
  const changed = change(JSON.parse(readFileSync(file!, "utf8")) as CalibrationResult);
  writeFileSync(file!, typeof changed === "string" ? changed : JSON.stringify(changed));
}

/** Rounds of a fixed length, as generations had them. */
async function servedRounds(length: number): Promise<RoundInfo[]> {
  const rounds: RoundInfo[] = [];
  const policy: Policy = {
    name: "recording",
    next: () => ({ length }),
    observe: (round) => rounds.push(round),
  };
  await using engine = await createEngine(pair);
  for (const text of gsm8k.slice(0, 6)) {
    await engine.generate(text, { maxTokens: 100, stopRule: policy });
  }
  return rounds.filter(({ drafted }) => drafted === length);
}

interface Served {
  step: number;
  plain: number;
  verify: number;
}

/** Medians of what generations paid. */
async function servedPrices(): Promise<Served> {
  const plain = median((await servedRounds(0)).map(({ verifyMicros }) => verifyMicros));
  const speculative = await servedRounds(4);
  const step = median(speculative.map(({ draftMicros }) => draftMicros / 4));
  return { step, plain, verify: median(speculative.map(({ verifyMicros }) => verifyMicros)) };
}

test("within its time, calibrate finds the prices that generations pay", async () => {
  // Only where the machine kept its speed is there something to compare.
  for (let attempt = 1; ; ++attempt) {
    const before = await servedPrices();
    const start = performance.now();
    const { costs } = await calibrate({ ...pair, seconds: 4, force: true });
    expect(performance.now() - start).toBeLessThan(7000);
    const after = await servedPrices();
    const drift = Math.max(before.plain / after.plain, after.plain / before.plain);
    if (drift > 1.4 && attempt < 3) continue;

    const [short] = costs;
    expect(short!.contextLength).toBe(64);
    expect(short!.verify).toHaveLength(maxDraftTokens + 1);
    for (const [measured, served] of [
      [short!.draftStep, (before.step + after.step) / 2],
      [short!.verify[0]!, (before.plain + after.plain) / 2],
      [short!.verify[4]!, (before.verify + after.verify) / 2],
    ] as const) {
      expect(measured.micros / served).toBeGreaterThan(1 / 2);
      expect(measured.micros / served).toBeLessThan(2);
      expect(measured.samples).toBeGreaterThan(0);
      expect(measured.low).toBeLessThanOrEqual(measured.micros);
      expect(measured.high).toBeGreaterThanOrEqual(measured.micros);
    }
    return;
  }
});

test("what was measured is found again, and measured again only by force, for age, or for more", async () => {
  const options = { ...pair, seconds: 1 };
  const first = await calibrate(options);
  expect(first.cached).toBe(false);
  expect(await calibrate(options)).toEqual({ ...first, cached: true });
  expect((await calibrate({ ...options, maxDraftTokens: 4 })).cached).toBe(true);

  expect((await calibrate({ ...options, force: true })).cached).toBe(false);
  expect((await calibrate({ ...options, maxDraftTokens: 12 })).cached).toBe(false);

  const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
  edit(first, (calibration) => ({ ...calibration, measuredAt: daysAgo(29) }));
  expect((await calibrate(options)).cached).toBe(true);
  expect((await calibrate({ ...options, maxAgeDays: 7 })).cached).toBe(false);
  edit(first, (calibration) => ({ ...calibration, measuredAt: daysAgo(31) }));
  expect((await calibrate(options)).cached).toBe(false);
  expect(warnings).not.toHaveBeenCalled();
});

test("a calibration of another machine is measured again and replaced", async () => {
  const options = { ...pair, seconds: 1 };
  const first = await calibrate(options);
  const { identity } = first;
  const machine = { ...identity.machine, processor: "Another" };
  edit(first, (calibration) => ({ ...calibration, identity: { ...identity, machine } }));
  expect((await calibrate(options)).cached).toBe(false);
  expect((await calibrate(options)).identity).toEqual(identity);
});

test("a broken calibration is warned of, measured again and replaced", async () => {
  const options = { ...pair, seconds: 1 };
  const first = await calibrate(options);
  edit(first, () => "{ half");
  expect((await calibrate(options)).cached).toBe(false);
  expect(warnings).toHaveBeenCalled();
  expect((await calibrate(options)).cached).toBe(true);
});

test("where the cache cannot be written, the result is returned with a warning", async () => {
  process.env.XDG_CACHE_HOME = path.join(folder, "file");
  writeFileSync(process.env.XDG_CACHE_HOME, "");
  const result = await calibrate({ ...pair, seconds: 1 });
  expect(result.file).toBeUndefined();
  expect(result.costs[0]!.verify[0]!.micros).toBeGreaterThan(0);
  expect(warnings).toHaveBeenCalledTimes(1);
});

/** The prices that a policy of a new engine is given before its first round. */
async function firstPrices(options = pair): Promise<Prices> {
  let first: Prices | undefined;
  const policy: Policy = {
    name: "asking",
    next: ({ prices }) => {
      first ??= prices;
      return { length: 0 };
    },
  };
  await using engine = await createEngine(options);
  await engine.generate(prompt, { maxTokens: 2, stopRule: policy });
  return first!;
}

test("an engine begins with the calibration, however old it is", async () => {
  const first = await calibrate({ ...pair, seconds: 1 });
  const [short] = first.costs;
  const verify = short!.verify.map((timing, K) => ({ ...timing, micros: 1000 + K }));
  const draftStep = { ...short!.draftStep, micros: 7 };
  edit(first, (calibration) => ({
    ...calibration,
    measuredAt: "2020-01-01T00:00:00.000Z",
    costs: [{ ...short, draftStep, verify }],
  }));
  expect(await firstPrices()).toEqual({
    draftStepMicros: 7,
    verifyMicros: Array.from({ length: maxDraftTokens + 1 }, (_, K) => 1000 + K),
  });
});

test("an engine without a calibration begins with a guess by the models' sizes", async () => {
  const { draftStepMicros, verifyMicros } = await firstPrices();
  expect(draftStepMicros).toBeGreaterThan(0);
  expect(draftStepMicros).toBeLessThan(verifyMicros[0]!);
  expect(existsSync(path.join(folder, "specdecpp"))).toBe(false); // and leaves nothing behind
});

test("a broken calibration is no obstacle to an engine", async () => {
  const guess = await firstPrices();
  edit(await calibrate({ ...pair, seconds: 1 }), () => "");
  expect(await firstPrices()).toEqual(guess);
  expect(warnings).toHaveBeenCalledTimes(1);
});

test("an abort ends the measuring soon, and keeps nothing", async () => {
  const controller = new AbortController();
  const promise = calibrate({
    ...pair,
    seconds: 3600,
    signal: controller.signal,
    onProgress: () => {
      controller.abort();
    },
  });
  await rejection(promise, "ERR_ABORTED");
  expect(existsSync(path.join(folder, "specdecpp"))).toBe(false);
});

test("progress goes from 0 to 1 and never back", async () => {
  const seen: number[] = [];
  await calibrate({ ...pair, seconds: 1, onProgress: (fraction) => seen.push(fraction) });
  expect(seen.length).toBeGreaterThan(10);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen[0]).toBeGreaterThanOrEqual(0);
  expect(seen.at(-1)).toBeLessThanOrEqual(1);
});

test("a context that is hardly longer than a draft is measured at what it holds", async () => {
  const small: CalibrateOptions = {
    ...pair,
    target: { path: demoTarget, threads, contextSize: 20 },
    draft: { path: demoDraft, threads, contextSize: 12 },
    seconds: 1,
  };
  const { costs, contextSize } = await calibrate(small);
  expect(contextSize).toBe(12);
  expect(costs.map(({ contextLength }) => contextLength)).toEqual([4]);
});

test("a context without room for a draft is refused", async () => {
  const none = { ...pair, draft: { path: demoDraft, threads, contextSize: 8 } };
  const error = await rejection(calibrate(none), "ERR_INVALID_ARGUMENT");
  expect(error.message).toMatch(/contextSize must be more than maxDraftTokens, 8/);
});

test.each([
  [{ seconds: 0 }, /seconds must be a number, 1 to 3600/],
  [{ seconds: "5" }, /seconds must be a number/],
  [{ maxAgeDays: -1 }, /maxAgeDays must be a number, 0 to 36500/],
  [{ force: 1 }, /force must be true or false/],
  [{ draft: undefined }, /calibrate needs a draft/],
  [{ second: 5 }, /calibrate's options: there is no option "second"/],
  [{ maxDraftTokens: 65 }, /maxDraftTokens must be a whole number, 1 to 64/],
])("%p is refused before the models are loaded", async (wrong, message) => {
  const options = { ...pair, target: "no such file", ...wrong } as CalibrateOptions;
  expect((await rejection(calibrate(options), "ERR_INVALID_ARGUMENT")).message).toMatch(message);
});
