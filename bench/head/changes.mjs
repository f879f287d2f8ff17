// Examples of which something is missing or more is known.

import { createRequire } from "node:module";

const { uniform } = createRequire(import.meta.url)("../../dist/random.js");

/** @typedef {import("./examples.mjs").Examples} Examples */

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
export function withRecent(/** @type {Examples} */ examples) {
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

export const same = (/** @type {Examples} */ examples) => examples;
export const noStates = (/** @type {Examples} */ examples) => ({
  ...examples,
  states: new Uint16Array(examples.states.length),
});
export const withoutColumns =
  (/** @type {RegExp} */ pattern) => (/** @type {Examples} */ examples) =>
    withColumns(
      examples,
      [...examples.columns.keys()].filter((j) => !pattern.test(examples.columns[j])),
    );
export const onlyReached = (/** @type {Examples} */ examples) => ({
  ...examples,
  // @ts-ignore
  labels: examples.labels.map((label, i) => (examples.reached[i] === 1 ? label : NaN)),
});

/** States that are missing, as zeros, in a share of the drafts: so that what else is known is learnt for itself. */
export const stateDropout = (/** @type {number} */ share) => (/** @type {Examples} */ examples) => {
  const random = uniform(7);
  const states = examples.states.slice();
  let dropped = false;
  for (let i = 0; i < examples.count; ++i) {
    if (examples.position[i] === 0) dropped = random() < share;
    if (dropped) states.fill(0, i * examples.width, (i + 1) * examples.width);
  }
  return { ...examples, states };
};
