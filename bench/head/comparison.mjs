import { createRequire } from "node:module";
import { evaluate, resamples, withIntervals } from "./evaluation.mjs";
import { examplesOf, joined, temperatureOf } from "./examples.mjs";
import { interval, print } from "./figures.mjs";

const require = createRequire(import.meta.url);
const { AcceptanceHead } = require("../..");
const { judgedBy, scored } = require("../../dist/head/evaluation.js");
const { Scored } = require("../../dist/head/metrics.js");
const { outputsOf, reachedBy } = require("../../dist/head/outputs.js");
const { predictorsOf } = require("../../dist/head/predictors.js");
const { figure } = require("../../dist/replay/bootstrap.js");

/**
 * A head's outputs against predictors, as a table for each trace that they are judged by and each output.
 * @param {string} file
 * @param {readonly string[]} train traces that predictors are fitted on
 * @param {readonly { name: string, folder: string }[]} judges
 */
export async function compare(file, train, judges) {
  /** @type {string[]} */
  const tables = [];
  const head = await AcceptanceHead.load(file);
  for (const { name, folder } of judges) {
    const temperature = await temperatureOf(folder);
    const examples = await examplesOf([folder]);
    const evaluated = await evaluate(head, examples);
    // What is fitted is fitted on the training prompts at the same temperature.
    const temperatures = await Promise.all(train.map(temperatureOf));
    const same = train.filter((_, i) => temperatures[i] === temperature);
    const fitted = await examplesOf(same.length > 0 ? same : train);
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
  return tables;
}
