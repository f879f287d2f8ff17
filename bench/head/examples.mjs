// Traces as examples.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { loadExamples, readHeaders } = require("../../dist/head/examples.js");

/** @typedef {any} Examples */

/** What was loaded, and is asked for again. @type {Map<string, Promise<Examples>>} */
const loaded = new Map();

/** @param {readonly string[]} folders */
export function examplesOf(folders) {
  const key = folders.join();
  const found = loaded.get(key) ?? loadOnce(folders);
  loaded.set(key, found);
  return found;
}

/** The same of what is not asked for again. @param {readonly string[]} folders @returns {Promise<Examples>} */
export function loadOnce(folders) {
  return loadExamples(folders, { kind: "full", seed: 0 });
}

/** @param {string} folder */
export async function temperatureOf(folder) {
  const [header] = await readHeaders([folder], "full");
  return Number(header.sampling.temperature);
}

/** Examples behind each other, for predictors that are fitted on some and judged by others. */
export function joined(/** @type {Examples} */ a, /** @type {Examples} */ b) {
  const scalars = new Float32Array(a.scalars.length + b.scalars.length);
  scalars.set(a.scalars);
  scalars.set(b.scalars, a.scalars.length);
  const labels = new Float32Array(a.labels.length + b.labels.length);
  labels.set(a.labels);
  labels.set(b.labels, a.labels.length);
  return { ...a, count: a.count + b.count, scalars, labels };
}
