// Results as lines of JSON, appended as they come: a run that was cut off goes on where it stopped.

import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import path from "node:path";
import { conditions } from "./setting.mjs";

/**
 * @typedef {{ prompt: number, generated: number, millis: number, passes?: number, drafted?: number, accepted?: number, text?: string }} Sample
 * @typedef {{ repetition: number, cell: object, name: string, options: object, samples: Sample[] }} Trial
 *   cell: what the trials that are compared have in common, such as set and temperature
 */

/** What must not change between trials that are compared. */
const same = ["processor", "cores", "system", "node", "version", "llamaCpp", "commit"];

/** @param {string} file */
export function readLines(file) {
  return readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1) // a line that was cut off does not count
    .map((line) => JSON.parse(line));
}

/** @param {string} file @returns {Trial[]} */
export function readTrials(file) {
  return readLines(file).filter((line) => line.samples !== undefined);
}

export class Record {
  /** @type {Map<string, Trial>} */
  #trials = new Map();
  #file;

  /**
   * @param {string} file is gone on with if it is there and of the same machine and commit
   * @param {object} [more] what else to note of the conditions
   */
  constructor(file, more) {
    this.#file = file;
    const now = conditions();
    if (existsSync(file)) {
      const lines = readLines(file);
      const then = lines.find((line) => line.conditions)?.conditions;
      const differing = same.filter((key) => then?.[key] !== now[/** @type {never} */ (key)]);
      if (differing.length > 0) {
        throw new Error(
          `${file} has results of another ${differing.join(", ")}. Name another file with --out, or delete it.`,
        );
      }
      for (const trial of lines)
        if (trial.samples !== undefined) this.#trials.set(key(trial), trial);
      const bytes = readFileSync(file);
      truncateSync(file, bytes.lastIndexOf("\n") + 1); // drops a line that was cut off
    } else {
      mkdirSync(path.dirname(file), { recursive: true });
    }
    this.note({ conditions: { ...now, ...more, at: new Date().toISOString() } });
  }

  /** @param {Omit<Trial, "samples">} trial @returns {Trial | undefined} */
  find(trial) {
    return this.#trials.get(key(trial));
  }

  /** @param {Trial} trial */
  add(trial) {
    this.#trials.set(key(trial), trial);
    this.note(trial);
  }

  /** @param {object} line other than a trial's: what else belongs to the results */
  note(line) {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** @param {Omit<Trial, "samples">} trial */
function key({ repetition, cell, name, options }) {
  return JSON.stringify([repetition, cell, name, options]);
}
