// Checks the package as users get it: packs it, installs it outside of the checkout with npm and with
// pnpm, and generates with it. Usage: node scripts/check-package.mjs

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import asar from "@electron/asar";

const { cpSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } = fs;
const root = path.join(import.meta.dirname, "..");
const work = fs.mkdtempSync(path.join(os.tmpdir(), "specdecpp-package-"));
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
// Not among the dependencies: npm cannot lock its optional packages for other platforms.
const pnpm = "pnpm@12.21.0";
const tarball = `specdecpp-${version}.tgz`;
const release = path.join("node_modules", "specdecpp", "build", "Release");
const tool = (/** @type {string} */ name) => path.join(root, "node_modules", ".bin", name);

// Settings of an npm that may have started this script are not those of the projects made here.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)),
);

/**
 * Runs a command to its end and returns what it printed; throws what it said when it failed.
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 */
function run(cwd, command, ...args) {
  const result = spawnSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 600_000,
    killSignal: "SIGKILL",
  });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    const what = [path.basename(command), ...args].join(" ");
    throw new Error(`${what} ended with ${result.status}:\n${result.stdout}${result.stderr}`);
  }
  return result.stdout.trim();
}

let passed = 0;
let failed = 0;

/**
 * @param {string} name
 * @param {() => unknown} body
 */
async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * A project beside the tarball that depends on it; returns its folder.
 * @param {string} name
 * @param {object} settings more for its package.json
 */
function makeProject(name, settings) {
  const project = path.join(work, name);
  cpSync(path.join(root, "scripts", "package-project"), project, { recursive: true });
  const dependencies = { specdecpp: `file:../${tarball}` };
  const manifest = { name: "app", version: "1.0.0", private: true, dependencies, ...settings };
  writeFileSync(path.join(project, "package.json"), JSON.stringify(manifest));
  return project;
}

/** @typedef {{ text?: string, answer?: string, code?: string, message?: string }} Generated */

/**
 * @param {string} project
 * @param {"cjs" | "mjs"} kind
 * @returns {Generated}
 */
const generate = (project, kind) => JSON.parse(run(project, process.execPath, `generate.${kind}`));

/** @type {Generated | undefined} */
let expected;

/** @param {Generated} generated the same in every project */
function checkGenerated(generated) {
  const { text, answer, code, message } = generated;
  assert.ok(text?.trim() && answer?.trim(), `${code}: ${message}`);
  expected ??= generated;
  assert.deepEqual(generated, expected);
}

/**
 * A CommonJS and an ES module generate the same.
 * @param {string} project
 */
function checkGeneration(project) {
  checkGenerated(generate(project, "cjs"));
  checkGenerated(generate(project, "mjs"));
}

/**
 * The declarations are checked too, not only their use.
 * @param {string} project
 * @param {string} module
 * @param {string} moduleResolution
 * @param {boolean} node whether Node's types are there
 */
function checkTypes(project, module, moduleResolution, node = true) {
  const compilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ target: "es2022", lib: ["es2023", "esnext.disposable", ...(node ? [] : ["dom"])] },
    ...{ types: node ? ["node"] : [], typeRoots: [path.join(root, "node_modules", "@types")] },
    ...{ module, moduleResolution },
  };
  const file = path.join(project, "tsconfig.json");
  writeFileSync(file, JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  run(project, tool("tsc"), "-p", file);
}

/**
 * The package from inside of an archive, as in an Electron app: asar-node has Node read archives as
 * Electron's does, in its threads too.
 * @param {string} project is used up
 */
async function checkAsar(project) {
  // What an app leaves out that runs on the processor; it makes the archive large.
  rmSync(path.join(project, "node_modules", "@node-llama-cpp"), { recursive: true });
  const archive = path.join(work, "app.asar");
  const ours = "**/node_modules/specdecpp";
  const unpack = `{${ours}/build/Release/*,${ours}/models/**}`;
  await asar.createPackageWithOptions(project, archive, { unpack });
  const unpacked = path.join(`${archive}.unpacked`, release);
  assert.deepEqual(readdirSync(unpacked).sort(), readdirSync(path.join(project, release)).sort());
  rmSync(project, { recursive: true }); // nothing may be found there any more
  const reader = path.join(root, "node_modules", "asar-node", "dist", "autorun-register.js");
  const main = JSON.stringify(path.join(archive, "generate.cjs"));
  const printed = run(work, process.execPath, "--require", reader, "--eval", `require(${main})`);
  checkGenerated(JSON.parse(printed));
}

async function checkTarball() {
  const file = path.join(work, tarball);
  await check("npm pack", () => run(root, "npm", "pack", "--pack-destination", work));
  await check("publint", () => run(work, tool("publint"), "run", file, "--strict"));
  await check("are the types wrong", () => run(work, tool("attw"), file));
}

async function checkNpm() {
  // npm knows a package that is not of a registry by its place.
  const allowScripts = { [`file:${path.join(work, tarball)}`]: true, "node-llama-cpp": false };
  const project = makeProject("npm", { allowScripts });
  const options = ["--prefer-offline", "--no-audit", "--no-fund"];

  await check("npm: install with scripts blocked", () =>
    run(project, "npm", "install", "--ignore-scripts", ...options),
  );
  await check("npm: the package without its addon says how to build it", () => {
    const { code, message } = generate(project, "cjs");
    assert.equal(code, "ERR_ADDON_NOT_BUILT");
    assert.match(message ?? "", /npx specdecpp build/);
  });
  await check("npm: npx specdecpp build", () => {
    run(project, "npx", "--no", "specdecpp", "build"); // --no: never a registry's package of that name
    checkGeneration(project);
  });
  await check("npm: the install script, when allowed", () => {
    rmSync(path.join(project, release), { recursive: true, force: true });
    run(project, "npm", "rebuild", "specdecpp");
    checkGeneration(project);
  });
  await check("README: its lines run in a project as they stand", () => {
    const [, lines = ""] =
      /```js\n([^]*?)```/.exec(readFileSync(path.join(root, "README.md"), "utf8")) ?? [];
    writeFileSync(path.join(project, "example.mjs"), lines);
    assert.match(run(project, process.execPath, "example.mjs"), /[\d.]+ tokens per target pass$/);
  });
  await check("types: node16", () => checkTypes(project, "node16", "node16"));
  await check("types: bundler", () => checkTypes(project, "esnext", "bundler"));
  await check("types: without Node's", () => checkTypes(project, "esnext", "bundler", false));

  const moved = path.join(work, "moved away");
  await check("a moved project generates", () => {
    renameSync(project, moved);
    checkGeneration(moved);
  });
  await check("asar: a packed app generates and chats", () => checkAsar(moved));
}

async function checkPnpm() {
  await check("pnpm itself", () =>
    run(
      work,
      "npm",
      "install",
      "--prefix",
      path.join(work, "tools"),
      "--no-audit",
      "--no-fund",
      pnpm,
    ),
  );
  const project = makeProject("pnpm", {});
  writeFileSync(
    path.join(project, "pnpm-workspace.yaml"),
    `allowBuilds:\n  "specdecpp@file:../${tarball}": true\n  node-llama-cpp: false\n`,
  );
  await check("pnpm: install with the script allowed", () =>
    run(
      project,
      path.join(work, "tools", "node_modules", ".bin", "pnpm"),
      "install",
      "--prefer-offline",
    ),
  );
  await check("pnpm: generates", () => checkGeneration(project));
}

try {
  await checkTarball();
  await checkNpm();
  await checkPnpm();
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
