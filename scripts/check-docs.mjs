// Checks that the docs are right where a machine can tell: every block of code and every command is run
// with the embedded pair, types are checked, quotations are of files that exist, links lead somewhere.
// Usage: node scripts/check-docs.mjs [FILE.md …]

import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { commandsOf, findBlocks } from "./docs/blocks.mjs";
import { Folders } from "./docs/folder.mjs";
import { brokenLinks } from "./docs/links.mjs";
import { reasonNotToRun } from "./docs/not-run.mjs";

const root = path.join(import.meta.dirname, "..");
process.chdir(root);

const tracked = (...patterns) =>
  execFileSync("git", ["ls-files", "--", ...patterns], { encoding: "utf8" })
    .trim()
    .split("\n");
const files = process.argv.length > 2 ? process.argv.slice(2) : tracked("*.md");
/** The npm scripts of the package and of the example that is one. */
const known = new Set(
  ["package.json", "examples/electron/package.json"].flatMap((file) =>
    Object.keys(JSON.parse(fs.readFileSync(file, "utf8")).scripts),
  ),
);
const work = fs.mkdtempSync(path.join(os.tmpdir(), "specdecpp-docs-"));

let passed = 0;
let failed = 0;

/**
 * @param {string} name
 * @param {string | undefined} problem
 */
function report(name, problem) {
  if (problem === undefined) passed += 1;
  else failed += 1;
  console.log(problem === undefined ? `ok ${name}` : `FAILED ${name}: ${problem}`);
}

const nameOf = ({ file, line }) => `${file}:${line}`;

function checkCommands(block) {
  const folder = folders.make(block);
  for (const command of commandsOf(block)) {
    const name = `${nameOf(block)}: ${command}`;
    const reason = reasonNotToRun(command);
    if (reason !== undefined) console.log(`-- ${name}: not run: ${reason}`);
    else
      report(
        name,
        problemOf(() => folders.run(folder, command)),
      );
  }
}

/** Mentions of npm scripts, also of those that are not run here. */
function missingScripts(file) {
  const mentions = fs.readFileSync(file, "utf8").matchAll(/npm run (?:--silent )?([\w:-]+)/g);
  const missing = Array.from(mentions, ([, name]) => name).filter((name) => !known.has(name));
  return missing.length === 0 ? undefined : `there is no script ${missing.join(", ")}`;
}

function problemOf(work) {
  try {
    work();
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** Code and settings that are quoted from the examples, which tests run. */
const examples = tracked("examples").filter((file) => /\.(mjs|cjs|yml|json)$/.test(file));
const isQuotation = ({ text }) =>
  examples.some((file) => fs.readFileSync(file, "utf8").includes(text));

/** Writes a block into a file of its own whose lines have the numbers that they have in the docs. */
function write(block) {
  const folder = folders.make(block);
  const extension = block.text.includes("require(") ? "cjs" : `m${block.language}`;
  const file = path.join(folder, `${path.basename(block.file, ".md")}.${extension}`);
  const asModule = extension === "cjs" || /^(im|ex)port /m.test(block.text) ? "" : "export {};";
  fs.writeFileSync(file, asModule + "\n".repeat(block.line - 1) + block.text);
  return { name: nameOf(block), folder, file, runs: block.language === "js" };
}

function runScripts(written) {
  const runner = path.join(work, "0", "run-blocks.mjs"); // where specdecpp is found
  fs.copyFileSync("scripts/docs/run-blocks.mjs", runner);
  const { stdout, stderr } = spawnSync(process.execPath, [runner], {
    cwd: path.dirname(runner),
    env: folders.env,
    input: JSON.stringify(written),
    encoding: "utf8",
    timeout: 120_000,
  });
  const results = stdout.trim().split("\n").filter(Boolean);
  for (const { name, error } of results.map((line) => JSON.parse(line))) {
    report(`${name} runs`, error);
  }
  if (results.length < written.length) {
    report(`${written[results.length].name} runs`, `the process ended: ${stderr}`);
  }
}

function checkTypes(written) {
  const globals = path.join(work, "globals.mts");
  fs.writeFileSync(
    globals,
    `import * as specdecpp from ${JSON.stringify(path.join(root, "dist/index.js"))};
    declare global {
      const createEngine: typeof specdecpp.createEngine;
      const engine: specdecpp.Engine;
      const chat: specdecpp.ChatSession;
      const prompt: string;
      const options: specdecpp.GenerateOptions;
      const untrusted: string;
      type Estimate = specdecpp.Estimate;
      type SurvivalGate = specdecpp.SurvivalGate;
    }`,
  );
  const { stdout, stderr, status } = spawnSync(
    path.join(root, "node_modules/.bin/tsc"),
    [
      ...["--noEmit", "--allowJs", "--checkJs", "--skipLibCheck", "--target", "es2024"],
      ...["--lib", "es2024,esnext.disposable", "--module", "node20", "--strict", "false"],
      ...["--types", "node", "--typeRoots", path.join(root, "node_modules/@types")],
      ...[globals, ...written.map(({ file }) => file)],
    ],
    { cwd: work, encoding: "utf8" },
  );
  const problems = status === 0 ? "" : `${stdout}${stderr}`.trim() || `tsc ended with ${status}`;
  report("types of all blocks", problems === "" ? undefined : `\n${problems}`);
}

/** @type {Folders} */
let folders;
try {
  folders = new Folders(work);
  // The API reference is made of the types; its blocks are signatures.
  const handwritten = files.filter((file) => !file.startsWith("docs/api/"));
  const blocks = handwritten.flatMap((file) => findBlocks(file, fs.readFileSync(file, "utf8")));
  const of = (...languages) => blocks.filter(({ language }) => languages.includes(language));

  for (const file of files) {
    const broken = brokenLinks(file);
    report(`${file}: links`, broken.length === 0 ? undefined : broken.join(" "));
    report(`${file}: npm scripts`, missingScripts(file));
  }
  for (const block of of("json")) {
    report(
      `${nameOf(block)} is JSON`,
      problemOf(() => JSON.parse(block.text)),
    );
  }
  const code = of("js", "ts");
  for (const block of code.filter(isQuotation)) report(`${nameOf(block)} is a quotation`);
  const written = code.filter((block) => !isQuotation(block)).map(write);
  checkTypes(written);
  runScripts(written.filter(({ runs }) => runs));
  of("sh", "bash").forEach(checkCommands);
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
