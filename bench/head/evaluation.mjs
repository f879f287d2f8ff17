// A head's logits of examples, and how good what is said of examples is.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { gather } = require("../../dist/head/examples.js");
const { drawResamples, figure } = require("../../dist/replay/bootstrap.js");

/** @typedef {import("./examples.mjs").Examples} Examples */

export const resamples = 300;

/**
 * A head's calibrated logits of examples.
 * @param {any} head
 * @param {Examples} examples
 */
export async function evaluate(head, examples) {
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
export function withIntervals(all, indices, examples) {
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
