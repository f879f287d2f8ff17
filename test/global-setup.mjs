// Tests of whole processes run the compiled dist/, so it must not be older than lib/. No test meets the
// user's cache: a calibration in it has a say in what engines do. Most models in tests are those of the
// pair with its target in Q8_0, whose passes of several rows take a third of the time of F16.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");

/** @param {string} directory */
function modifiedTimes(directory) {
  return readdirSync(path.join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs);
}

function isStale() {
  try {
    return Math.max(...modifiedTimes("lib")) > Math.min(...modifiedTimes("dist"));
  } catch {
    return true; // there is no dist yet
  }
}

export default async function globalSetup() {
  const cache = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-cache-"));
  process.env.XDG_CACHE_HOME = cache; // Linux
  process.env.LOCALAPPDATA = cache; // Windows
  process.once("exit", () => {
    rmSync(cache, { recursive: true, force: true });
  });
  if (isStale()) {
    execFileSync(
      process.execPath,
      ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"],
      {
        cwd: root,
        stdio: "inherit",
      },
    );
  }
  if (existsSync(path.join(root, "build/Release/specdecpp.node"))) {
    const { quantize } = await import("../dist/index.js");
    const target = path.join(cache, "target-q8_0.gguf");
    await quantize(path.join(root, "models/demo/target.gguf"), target, "q8_0");
    process.env.SPECDECPP_TEST_TARGET = target;
  }
}
