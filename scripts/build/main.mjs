// Builds the native addon into build/Release: the addon, llama.cpp's libraries beside it, and
// build-info.json. Usage: node scripts/build/main.mjs [--source] [--tests] [-- CMAKE_ARGUMENT…]

import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { prebuiltLibraries, unpackLlamaCpp } from "./llama-cpp.mjs";
import { BuildError } from "./report.mjs";
import { checkToolchain } from "./toolchain.mjs";

const require = createRequire(import.meta.url);
const root = path.join(import.meta.dirname, "..", "..");
const isLibrary = (/** @type {string} */ name) => /\.(so|dylib|dll|metal)$/.test(name);

/** @param {string} directory a folder whose CMake cache is of another place is of no use */
function dropForeignCache(directory) {
  const cache = path.join(directory, "CMakeCache.txt");
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, "utf8"))?.[1];
  if (path.resolve(home ?? "") !== path.resolve(root))
    rmSync(directory, { recursive: true, force: true });
}

/**
 * Runs cmake-js quietly: its output is shown when it fails.
 * @param {string} out
 * @param {Record<string, string>} variables
 * @param {string[]} extra
 * @param {boolean} verbose
 */
function cmake(out, variables, extra, verbose) {
  const cmakeJs = path.join(
    path.dirname(require.resolve("cmake-js/package.json")),
    "bin",
    "cmake-js",
  );
  const defines = Object.entries(variables).map(([name, value]) => `--CD${name}=${value}`);
  const passed = extra.map((argument) => `--CD${argument.replace(/^-D/, "")}`);
  const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? "2"; // a compiler may take a GB and more
  const common = ["--directory", root, "--out", out, "--parallel", parallel, ...defines, ...passed];
  // Both steps: `compile` would leave an existing configuration as it is, whatever is asked for now.
  for (const step of ["configure", "build"]) {
    const result = spawnSync(process.execPath, [cmakeJs, step, ...common], {
      cwd: root,
      encoding: "utf8",
      stdio: verbose ? "inherit" : "pipe",
      maxBuffer: 1 << 28,
    });
    if (result.status !== 0) {
      process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
      throw new BuildError(
        "CMake or the compiler failed; its output is above.",
        "a working CMake 3.19 or newer and a C++20 compiler",
        "see the first error above; after a change of the machine, delete the build folder and run: npx specdecpp build",
      );
    }
  }
}

/**
 * Puts the addon and the libraries it needs into a new folder, tries it, and then replaces what an
 * earlier build put into build/Release. node-gyp keeps files of its own there.
 * @param {string} addon
 * @param {string} libraries
 * @param {string} mode
 */
function stage(addon, libraries, mode) {
  const release = path.join(root, "build", "Release");
  const staged = `${release}.${process.pid}`;
  mkdirSync(staged, { recursive: true });
  try {
    cpSync(addon, path.join(staged, "specdecpp.node"));
    for (const name of readdirSync(libraries).filter(isLibrary)) {
      if (!name.includes("llama-common"))
        cpSync(path.join(libraries, name), path.join(staged, name));
    }
    const info = { release: tryToLoad(path.join(staged, "specdecpp.node"), libraries), mode };
    writeFileSync(path.join(staged, "build-info.json"), `${JSON.stringify(info, null, 2)}\n`);
    mkdirSync(release, { recursive: true });
    for (const name of readdirSync(release).filter(isLibrary)) rmSync(path.join(release, name));
    for (const name of readdirSync(staged))
      renameSync(path.join(staged, name), path.join(release, name));
    return info.release;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * Loads the addon in a process of its own; returns llama.cpp's release.
 * @param {string} addon
 * @param {string} libraries
 */
function tryToLoad(addon, libraries) {
  const trial = spawnSync(process.execPath, ["-p", `require(${JSON.stringify(addon)}).release`], {
    encoding: "utf8",
  });
  if (trial.status !== 0) {
    const reason = trial.stderr.split("\n").find((line) => line.includes("Error")) ?? trial.stderr;
    throw new BuildError(
      `The addon was built but does not load: ${reason.trim()}`,
      `the libraries of ${libraries}`,
      "delete the build folder and run: npx specdecpp build",
    );
  }
  return trial.stdout.trim();
}

function main() {
  const { values, positionals } = parseArgs({
    options: {
      source: { type: "boolean", default: process.platform === "win32" },
      tests: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  checkToolchain();
  const mode = values.source ? "source" : "prebuilt";
  const llama = path.join(root, "build", `llama.cpp-${mode}`);
  const out = path.join(root, "build", `cmake-${mode}`);
  const libraries = values.source ? path.join(out, "bin") : prebuiltLibraries();
  unpackLlamaCpp(llama, values.source);
  dropForeignCache(out);
  if (values.source) console.error("specdecpp: building llama.cpp from source; this takes minutes");
  cmake(
    out,
    {
      SPECDECPP_LLAMA_DIR: llama,
      SPECDECPP_LLAMA_LIBS: libraries,
      SPECDECPP_LLAMA_SOURCE: values.source ? "ON" : "OFF",
      SPECDECPP_TESTS: values.tests ? "ON" : "OFF",
    },
    positionals,
    values.source,
  );
  const release = stage(path.join(out, "specdecpp.node"), libraries, mode);
  console.error(`specdecpp: built for llama.cpp ${release} (${mode})`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
