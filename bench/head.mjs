// How well heads predict acceptance, beside predictors that need none, on prompts that neither training
// nor calibration has seen; and what makes them good: an ablation. Figures are lines of JSON; with --out,
// tables for docs/heads.md are written there.
// Usage: npm run bench:head -- --train DIR … --eval NAME=DIR … [--head FILE] [--ablation --variants PATTERN] [--out FILE]

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { flag, number, parseOptions, string } from "./options.mjs";
import { conditions, draftFile } from "./setting.mjs";

const require = createRequire(import.meta.url);
const { AcceptanceHead } = require("..");
const { gather, loadExamples, readHeaders } = require("../dist/head/examples.js");
const { judgedBy, scored } = require("../dist/head/evaluation.js");
const { Scored } = require("../dist/head/metrics.js");
const { outputsOf, reachedBy } = require("../dist/head/outputs.js");
const { predictorsOf } = require("../dist/head/predictors.js");
const { makeTokenTable, noTokens, withTokens } = require("../dist/head/token-table.js");
const { trainOn } = require("../dist/head/train-head.js");
const { uniform } = require("../dist/random.js");
const { drawResamples, figure } = require("../dist/replay/bootstrap.js");

const values = parseOptions("How well heads predict acceptance, and what makes them good.", {
  train: {
    ...string,
    array: true,
    default: [],
    describe: "Trace that predictors are fitted on and variants trained on; may be repeated",
  },
  eval: {
    ...string,
    array: true,
    default: [],
    describe: "NAME=DIR, a trace to be judged by; may be repeated",
  },
  head: { ...string, describe: "File of a head that is compared with predictors" },
  ablation: { ...flag, describe: "Train variants" },
  variants: { ...string, default: "", describe: "Those whose name fits this pattern alone" },
  seeds: { ...number, default: 1, describe: "Trainings of each variant" },
  threads: { ...number, default: 1, describe: "Threads of a training" },
  out: { ...string, describe: "File that tables are written to" },
});
const { threads } = values;
const resamples = 300;
const scratch = mkdtempSync(path.join(os.tmpdir(), "specdecpp-head-"));
const print = (/** @type {object} */ line) => {
  console.log(JSON.stringify(line));
};

/** @typedef {any} Examples */

/** Traces as examples, once each. @type {Map<string, Promise<Examples>>} */
const loaded = new Map();

/** @param {readonly string[]} folders */
function examplesOf(folders, kind = "full") {
  const key = `${kind}:${folders.join()}`;
  const found = loaded.get(key) ?? loadExamples(folders, { kind, seed: 0 });
  loaded.set(key, found);
  return found;
}

/** @param {string} folder */
async function temperatureOf(folder) {
  const [header] = await readHeaders([folder], "full");
  return Number(header.sampling.temperature);
}

/**
 * A head's calibrated logits of examples.
 * @param {any} head
 * @param {Examples} examples
 */
async function evaluate(head, examples) {
  const { kind } = head.info;
  const indices = Int32Array.from({ length: examples.count }, (_, i) => i);
  const logits = await head.scores(gather(examples, indices, kind), {
    known: examples.columns,
    scalars: examples.scalars,
    token: examples.token,
    position: Int32Array.from(examples.position),
  });
  return { kind, examples, indices, logits };
}

/**
 * Metrics with 95 % intervals over prompts.
 * @param {any} all a Scored
 * @param {Int32Array} indices of its examples
 * @param {Examples} examples
 */
function withIntervals(all, indices, examples) {
  const prompts = [...new Set(examples.prompt)];
  const place = new Map(prompts.map((prompt, i) => [prompt, i]));
  const placeOf = Int32Array.from(indices, (i) => place.get(examples.prompt[i]) ?? 0);
  const draws = drawResamples(prompts.length).slice(0, resamples);
  const each = [
    all.metrics(),
    ...draws.map((/** @type {Uint16Array} */ counts) =>
      all.metrics(placeOf.map((at) => counts[at] ?? 0)),
    ),
  ];
  const of = (/** @type {string} */ name) =>
    figure(draws.length, (/** @type {number} */ i) => each[i][name]);
  return { examples: all.labels.length, brier: of("brier"), auc: of("auc"), ece: of("ece"), each };
}

const f = (/** @type {number} */ x, digits = 4) => x.toFixed(digits).replace(/^0/, "");
const interval = (/** @type {any} */ { value, low, high }, digits = 4) =>
  `${f(value, digits)} [${f(low, digits)}, ${f(high, digits)}]`;

/** @type {string[]} */
const tables = [];

/** Outputs against predictors, on every trace that is to be judged by. */
async function compare(/** @type {string} */ file) {
  const head = await AcceptanceHead.load(file);
  for (const named of values.eval) {
    const [name = "", folder = ""] = named.split("=");
    const temperature = await temperatureOf(folder);
    const examples = await examplesOf([folder]);
    const evaluated = await evaluate(head, examples);
    // What is fitted is fitted on the training prompts at the same temperature.
    const temperatures = await Promise.all(values.train.map(temperatureOf));
    const same = values.train.filter((_, i) => temperatures[i] === temperature);
    const fitted = await examplesOf(same.length > 0 ? same : values.train);
    const all = Int32Array.from({ length: fitted.count }, (_, i) => i);
    for (const output of outputsOf(head.info.kind)) {
      const judged = judgedBy(output, evaluated);
      const ofHead = withIntervals(scored(judged), judged.indices, examples);
      const rows = [{ name: `the head, ${output}`, ...ofHead }];
      const predictors = predictorsOf(
        output,
        joined(fitted, examples),
        reachedBy(output, fitted, all),
      );
      for (const predictor of predictors) {
        const shifted = judged.indices.map((i) => i + fitted.count);
        const seen = new Scored(predictor.predict(shifted), judged.labels);
        rows.push({ name: predictor.name, ...withIntervals(seen, judged.indices, examples) });
      }
      const lines = rows.map(({ name: row, each, ...metrics }) => {
        // Of the same resamples: below 0 the head is better.
        const less = figure(
          resamples,
          (/** @type {number} */ i) => ofHead.each[i].brier - each[i].brier,
        );
        print({ trace: name, output, predictor: row, ...metrics, headLess: less });
        const better = row.startsWith("the head") ? "" : interval(less);
        return `| ${row} | ${interval(metrics.brier)} | ${interval(metrics.auc, 3)} | ${interval(metrics.ece, 3)} | ${better} |`;
      });
      tables.push(
        `**${name}, ${output}** (${ofHead.examples} tokens, ${new Set(examples.prompt).size} prompts)\n\n| | Brier | AUC | ECE | the head's Brier less its |\n| --- | --- | --- | --- | --- |\n${lines.join("\n")}\n`,
      );
    }
  }
  head.dispose();
}

/** Examples behind each other, for predictors that are fitted on some and judged by others. */
function joined(/** @type {Examples} */ a, /** @type {Examples} */ b) {
  const scalars = new Float32Array(a.scalars.length + b.scalars.length);
  scalars.set(a.scalars);
  scalars.set(b.scalars, a.scalars.length);
  const labels = new Float32Array(a.labels.length + b.labels.length);
  labels.set(a.labels);
  labels.set(b.labels, a.labels.length);
  return { ...a, count: a.count + b.count, scalars, labels };
}

/**
 * Examples with more columns.
 * @param {Examples} examples
 * @param {readonly string[]} names
 * @param {(i: number) => readonly number[]} of
 */
function widened(examples, names, of) {
  const m = examples.columns.length;
  const width = m + names.length;
  const scalars = new Float32Array(examples.count * width);
  for (let i = 0; i < examples.count; ++i) {
    scalars.set(examples.scalars.subarray(i * m, (i + 1) * m), i * width);
    scalars.set(of(i), i * width + m);
  }
  return { ...examples, columns: [...examples.columns, ...names], scalars };
}

/** How the drafts before did in this text: running means of acceptance, long and short. */
function withRecent(/** @type {Examples} */ examples) {
  const rates = [0.3, 0.1, 0.03];
  let prompt = -1;
  let means = rates.map(() => 0.8);
  let known = [...means];
  return widened(
    examples,
    rates.map((rate) => `recent-${rate}`),
    (i) => {
      if (examples.prompt[i] !== prompt) {
        means = rates.map(() => 0.8);
        prompt = examples.prompt[i];
      }
      if (examples.position[i] === 0) known = [...means]; // what a round begins with
      if (examples.reached[2 * i + 1] === 1) {
        means = means.map(
          (mean, j) => mean + (rates[j] ?? 0) * (examples.labels[2 * i + 1] - mean),
        );
      }
      return known;
    },
  );
}

/** @param {Examples} examples @param {readonly number[]} keep */
function withColumns(examples, keep) {
  const m = examples.columns.length;
  return {
    ...examples,
    columns: keep.map((j) => examples.columns[j]),
    scalars: Float32Array.from(
      { length: examples.count * keep.length },
      (_, at) => examples.scalars[Math.floor(at / keep.length) * m + (keep[at % keep.length] ?? 0)],
    ),
  };
}

/** A trace with the first `share` of its shards. */
function part(/** @type {string} */ folder, /** @type {number} */ share) {
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

const same = (/** @type {Examples} */ examples) => examples;
const noStates = (/** @type {Examples} */ examples) => ({
  ...examples,
  states: new Uint16Array(examples.states.length),
});
const withoutColumns = (/** @type {RegExp} */ pattern) => (/** @type {Examples} */ examples) =>
  withColumns(
    examples,
    [...examples.columns.keys()].filter((j) => !pattern.test(examples.columns[j])),
  );
const onlyReached = (/** @type {Examples} */ examples) => ({
  ...examples,
  // @ts-ignore
  labels: examples.labels.map((label, i) => (examples.reached[i] === 1 ? label : NaN)),
});

/** States that are missing, as zeros, in a share of the drafts: so that what else is known is learnt for itself. */
const stateDropout = (/** @type {number} */ share) => (/** @type {Examples} */ examples) => {
  const random = uniform(7);
  const states = examples.states.slice();
  let dropped = false;
  for (let i = 0; i < examples.count; ++i) {
    if (examples.position[i] === 0) dropped = random() < share;
    if (dropped) states.fill(0, i * examples.width, (i + 1) * examples.width);
  }
  return { ...examples, states };
};

/** What is changed, of options, of the data, or of what a head sees. */
const variants = [
  { name: "as it is" },
  ...[0.125, 0.25, 0.5].map((share) => ({ name: `${100 * share} % of the prompts`, share })),
  { name: "without what follows a rejection", train: onlyReached },
  { name: "no state", see: noStates },
  { name: "no scalars", see: withoutColumns(/^(?!first$)/), options: { tokenColumns: 0 } },
  {
    name: "nothing of the drawn token",
    see: withoutColumns(/^drawn\./),
    options: { tokenColumns: 0 },
  },
  { name: "no scalars of the previous token", see: withoutColumns(/^previous\./) },
  { name: "no position", see: withoutColumns(/^log-position$/) },
  { name: "without log-ratio and log-others", see: withoutColumns(/log-ratio$|log-others$/) },
  ...[0.1, 0.3, 0.5].map((share) => ({
    name: `states missing in ${100 * share} % of drafts`,
    train: stateDropout(share),
  })),
  { name: "with the text's recent acceptance", see: withRecent },
  ...[0, 1, 2, 3, 4].map((depth) => ({ name: `depth ${depth}`, options: { depth } })),
  ...[8, 16, 32, 64, 128, 256].map((hidden) => ({ name: `hidden ${hidden}`, options: { hidden } })),
  ...[0, 8, 16, 64, 128].map((tokenColumns) => ({
    name: `${tokenColumns} numbers of the drawn token`,
    options: { tokenColumns },
  })),
  ...[5, 10, 20, 40].map((epochs) => ({ name: `epochs ${epochs}`, options: { epochs } })),
  ...[0, 0.01, 0.1, 0.3, 1].map((weightDecay) => ({
    name: `weight decay ${weightDecay}`,
    options: { weightDecay },
  })),
  ...[0, 0.1, 0.2, 0.3, 0.5].map((stateDropout) => ({
    name: `state dropout ${stateDropout}`,
    options: { stateDropout },
  })),
  ...[3e-4, 1e-3, 2e-3, 4e-3, 8e-3].map((learningRate) => ({
    name: `learning rate ${learningRate}`,
    options: { learningRate },
  })),
  ...[64, 256, 1024].map((batchSize) => ({ name: `batch ${batchSize}`, options: { batchSize } })),
  ...["f32", "f16", "q8_0"].map((type) => ({ name: `matrices in ${type}`, options: { type } })),
];

/** Means over seeds of what a variant comes to on every trace. */
async function ablate() {
  const head = path.join(scratch, "variant.gguf");
  const headings = values.eval.flatMap((named) =>
    outputsOf("full").map((/** @type {string} */ output) => `${named.split("=")[0]}, ${output}`),
  );
  const rows = [];
  const chosen = variants.filter(({ name }) => new RegExp(values.variants).test(name));
  for (const { name, share, train = same, see = same, options = {} } of /** @type {any[]} */ (
    chosen
  )) {
    const folders =
      share === undefined ? values.train : values.train.map((each) => part(each, share));
    const examples = train(see(await examplesOf(folders)));
    if (share !== undefined) loaded.delete(`full:${folders.join()}`);
    const headers = await readHeaders(folders, "full");
    /** @type {any[]} */
    const results = [];
    for (let seed = 0; seed < values.seeds; ++seed) {
      const given = { trace: folders, out: head, threads, seed, ...options };
      const table =
        options.tokenColumns === 0
          ? noTokens
          : await makeTokenTable(draftFile, headers[0], options.tokenColumns ?? 32, 0);
      const result = await trainOn(withTokens(examples, table), headers, given, table);
      const trained = await AcceptanceHead.load(head);
      /** @type {Record<string, any>} */
      const metrics = {};
      for (const named of values.eval) {
        const [trace = "", folder = ""] = named.split("=");
        const evaluated = await evaluate(trained, see(await examplesOf([folder])));
        for (const output of outputsOf("full")) {
          metrics[`${trace}, ${output}`] = scored(judgedBy(output, evaluated)).metrics();
        }
      }
      print({ variant: name, seed, best: result.best, epochs: result.epochs.length, metrics });
      trained.dispose();
      results.push(metrics);
    }
    const mean = (/** @type {string} */ heading) =>
      results.reduce((sum, metrics) => sum + metrics[heading].brier, 0) / results.length;
    rows.push(`| ${name} | ${headings.map((heading) => f(mean(heading))).join(" | ")} |`);
  }
  tables.push(
    `| Brier | ${headings.join(" | ")} |\n| --- |${" --- |".repeat(headings.length)}\n${rows.join("\n")}\n`,
  );
}

print({ conditions: conditions(), train: values.train, eval: values.eval });
if (values.head !== undefined) await compare(values.head);
if (values.ablation) await ablate();
if (values.out !== undefined) writeFileSync(values.out, tables.join("\n"));
else console.log(tables.join("\n"));
rmSync(scratch, { recursive: true });
