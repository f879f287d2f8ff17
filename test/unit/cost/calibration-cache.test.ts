import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import {
  cacheFolder,
  calibrationFile,
  readCalibration,
  writeCalibration,
} from "../../../lib/cost/calibration-cache";
import { calibration, identity } from "./support";

let folder: string;
let file: string;
let warnings: jest.SpyInstance;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "specdecpp-test-"));
  file = calibrationFile(identity, folder);
  warnings = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
});

afterEach(() => {
  warnings.mockRestore();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a file as if by another hand. */
function plant(content: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
}

test("what is written is read back, and nothing else is left", async () => {
  expect(await writeCalibration(file, calibration)).toBe(true);
  expect(await readCalibration(file, identity)).toEqual(calibration);
  expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
  expect(warnings).not.toHaveBeenCalled();
});

test("a file is replaced", async () => {
  await writeCalibration(file, { ...calibration, measuredAt: "2020-01-01T00:00:00.000Z" });
  await writeCalibration(file, calibration);
  expect(await readCalibration(file, identity)).toEqual(calibration);
});

test("no file is no calibration, without a warning", async () => {
  expect(await readCalibration(file, identity)).toBeUndefined();
  expect(warnings).not.toHaveBeenCalled();
});

test.each([
  ["another machine", { machine: { ...identity.machine, processor: "Another" } }],
  ["another release of llama.cpp", { llamaCpp: "0.5.0" }],
  ["another model", { draft: { ...identity.draft, fingerprint: "b".repeat(64) } }],
  ["other threads", { target: { ...identity.target, threads: 4 } }],
])("a calibration of %s is another file, and not taken for ours", async (_, difference) => {
  const other = { ...identity, ...difference };
  expect(calibrationFile(other, folder)).not.toBe(file);
  plant({ ...calibration, identity: other });
  expect(await readCalibration(file, identity)).toBeUndefined();
  expect(warnings).not.toHaveBeenCalled();
});

test("a calibration of another format is not read", async () => {
  plant({ format: 2, something: "else" });
  expect(await readCalibration(file, identity)).toBeUndefined();
  expect(warnings).not.toHaveBeenCalled();
});

const text = JSON.stringify(calibration);

test.each([
  ["half a file", text.slice(0, text.length / 2)],
  ["an empty file", ""],
  ["no object", "null"],
  ["no costs", { ...calibration, costs: [] }],
  ["costs of no length", { ...calibration, costs: [{}] }],
  ["a date that is none", { ...calibration, measuredAt: "yesterday" }],
  ["a price of 0", text.replace('"micros":1000', '"micros":0')],
  ["a price that is no number", text.replace('"micros":1000', '"micros":"1000"')],
  ["prices that are missing", { ...calibration, maxDraftTokens: 16 }],
  ["lengths that do not rise", { ...calibration, costs: [...calibration.costs].reverse() }],
])("%s is warned of and not used", async (_, content) => {
  plant(content);
  expect(await readCalibration(file, identity)).toBeUndefined();
  expect(warnings).toHaveBeenCalledTimes(1);
  expect(warnings.mock.calls[0]).toEqual([
    expect.stringContaining(file) as unknown,
    "SpecdecWarning",
  ]);
});

test("a folder that cannot be made is warned of, and no error", async () => {
  const notAFolder = path.join(folder, "file");
  writeFileSync(notAFolder, "");
  const inside = calibrationFile(identity, notAFolder);
  expect(await writeCalibration(inside, calibration)).toBe(false);
  expect(warnings).toHaveBeenCalledTimes(1);
  expect(await readCalibration(inside, identity)).toBeUndefined();
  expect(warnings).toHaveBeenCalledTimes(1);
});

// Root may write everywhere.
(process.getuid?.() === 0 ? test.skip : test)("nor one that cannot be written", async () => {
  chmodSync(folder, 0o500);
  expect(await writeCalibration(file, calibration)).toBe(false);
  expect(warnings).toHaveBeenCalledTimes(1);
});

test("a write that fails leaves the old file and no half of a new one", async () => {
  mkdirSync(file, { recursive: true }); // a folder in the way of the file
  writeFileSync(path.join(file, "old"), "old");
  expect(await writeCalibration(file, calibration)).toBe(false);
  expect(readFileSync(path.join(file, "old"), "utf8")).toBe("old");
  expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
});

describe("the cache folder", () => {
  const { platform } = process;
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;

  function on(name: NodeJS.Platform, env: NodeJS.ProcessEnv): string {
    Object.defineProperty(process, "platform", { value: name });
    for (const key of ["XDG_CACHE_HOME", "LOCALAPPDATA"]) {
      if (env[key] === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = env[key];
    }
    return cacheFolder();
  }

  afterEach(() => {
    on(platform, { XDG_CACHE_HOME, LOCALAPPDATA });
  });

  test("is where the platform has it", () => {
    const at = (...parts: string[]): string => path.join(homedir(), ...parts);
    expect(on("linux", {})).toBe(at(".cache", "specdecpp"));
    expect(on("linux", { XDG_CACHE_HOME: "/var/cache/me" })).toBe("/var/cache/me/specdecpp");
    expect(on("linux", { XDG_CACHE_HOME: "relative" })).toBe(at(".cache", "specdecpp"));
    expect(on("darwin", {})).toBe(at("Library", "Caches", "specdecpp"));
    expect(on("win32", {})).toBe(at("AppData", "Local", "specdecpp", "Cache"));
    expect(on("win32", { LOCALAPPDATA: "/local" })).toBe("/local/specdecpp/Cache");
  });

  test("is not made by looking", () => {
    expect(existsSync(on("linux", { XDG_CACHE_HOME: path.join(folder, "nothing") }))).toBe(false);
  });
});
