import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { draftFile } from "../setting.mjs";
import { same } from "./changes.mjs";
import { evaluate } from "./evaluation.mjs";
import { examplesOf, loadOnce } from "./examples.mjs";
import { decimal, print } from "./figures.mjs";
import { variants } from "./variants.mjs";

const require = createRequire(import.meta.url);
const { AcceptanceHead } = require("../..");
const { readHeaders } = require("../../dist/head/examples.js");
const { judgedBy, scored } = require("../../dist/head/evaluation.js");
const { outputsOf } = require("../../dist/head/outputs.js");
const { makeTokenTable, noTokens, withTokens } = require("../../dist/head/token-table.js");
const { trainOn } = require("../../dist/head/train-head.js");

/**
 * A table of what variants come to on every trace that they are judged by, in means over seeds.
 * @param {readonly string[]} train traces
 * @param {readonly { name: string, folder: string }[]} judges
 * @param {{ variants: string, seeds: number, threads: number }} options variants: a pattern of their names
 */
export async function ablate(train, judges, options) {
  const scratch = mkdtempSync(path.join(os.tmpdir(), "specdecpp-head-"));
  const chosen = variants.filter(({ name }) => new RegExp(options.variants).test(name));
  const headings = judges.flatMap(({ name }) =>
    outputsOf("full").map((/** @type {string} */ output) => `${name}, ${output}`),
  );
  const rows = [];
  for (const variant of chosen) {
    const results = await trainings(variant, train, judges, { ...options, scratch });
    const mean = (/** @type {string} */ heading) =>
      results.reduce((sum, metrics) => sum + metrics[heading].brier, 0) / results.length;
    const means = headings.map((heading) => decimal(mean(heading)));
    rows.push(`| ${variant.name} | ${means.join(" | ")} |`);
  }
  rmSync(scratch, { recursive: true });
  return `| Brier | ${headings.join(" | ")} |\n| --- |${" --- |".repeat(headings.length)}\n${rows.join("\n")}\n`;
}

/**
 * What a variant comes to with every seed, by trace and output.
 * @param {any} variant
 * @param {readonly string[]} train
 * @param {readonly { name: string, folder: string }[]} judges
 * @param {{ seeds: number, threads: number, scratch: string }} more scratch: a folder for files
 */
async function trainings(variant, train, judges, { seeds, threads, scratch }) {
  const { name, share, train: changed = same, see = same, options = {} } = variant;
  const out = path.join(scratch, "variant.gguf");
  const folders = share === undefined ? train : train.map((each) => part(each, share, scratch));
  const loaded = await (share === undefined ? examplesOf(folders) : loadOnce(folders));
  const examples = changed(see(loaded));
  const headers = await readHeaders(folders, "full");
  const results = [];
  for (let seed = 0; seed < seeds; ++seed) {
    const given = { trace: folders, out, threads, seed, ...options };
    const table =
      options.tokenColumns === 0
        ? noTokens
        : await makeTokenTable(draftFile, headers[0], options.tokenColumns ?? 32, 0);
    const result = await trainOn(withTokens(examples, table), headers, given, table);
    const head = await AcceptanceHead.load(out);
    /** @type {Record<string, any>} */
    const metrics = {};
    for (const { name: trace, folder } of judges) {
      const evaluated = await evaluate(head, see(await examplesOf([folder])));
      for (const output of outputsOf("full")) {
        metrics[`${trace}, ${output}`] = scored(judgedBy(output, evaluated)).metrics();
      }
    }
    print({ variant: name, seed, best: result.best, epochs: result.epochs.length, metrics });
    head.dispose();
    results.push(metrics);
  }
  return results;
}

/**
 * A trace with the first `share` of its shards.
 * @param {string} folder
 * @param {number} share
 * @param {string} scratch
 */
function part(folder, share, scratch) {
  const to = mkdtempSync(path.join(scratch, "part-"));
  const lines = readFileSync(path.join(folder, "index.jsonl"), "utf8").trim().split("\n");
  const kept = lines.slice(0, Math.max(1, Math.round(share * lines.length)));
  copyFileSync(path.join(folder, "header.json"), path.join(to, "header.json"));
  for (const line of kept) {
    const { file } = JSON.parse(line);
    copyFileSync(path.join(folder, file), path.join(to, file));
  }
  writeFileSync(path.join(to, "index.jsonl"), kept.map((line) => `${line}\n`).join(""));
  return to;
}
