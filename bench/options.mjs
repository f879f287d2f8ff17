// The options that `npm run bench` and `npm run bench:peers` have in common.

import path from "node:path";
import { parseArgs } from "node:util";
import { ratios, root } from "./setting.mjs";

const list = (/** @type {string} */ text) => text.split(",");

/**
 * @template {import("node:util").ParseArgsOptionsConfig} More
 * @param {string} name of the file that results go to, if --out does not say
 * @param {More} more further options
 */
export function parseOptions(name, more) {
  const { values } = parseArgs({
    options: {
      sets: { type: "string", default: "gsm8k,humaneval" },
      prompts: { type: "string" },
      ratios: { type: "string", default: ratios.join(",") },
      temperatures: { type: "string", default: "0,1" },
      repetitions: { type: "string", default: "5" },
      limit: { type: "string", default: "20" },
      "max-tokens": { type: "string", default: "100" },
      threads: { type: "string", default: "1" },
      out: { type: "string", default: path.join(root, "build", "bench", `${name}.jsonl`) },
      quick: { type: "boolean", default: false },
      ...more,
    },
  });
  const quick = values.quick && {
    sets: "gsm8k",
    ratios: "1:10",
    repetitions: "2",
    limit: "3",
    "max-tokens": "40",
  };
  const {
    sets,
    ratios: chosen,
    temperatures,
    repetitions,
    limit,
    threads,
    ...rest
  } = { ...values, ...quick };
  const targets = list(String(chosen));
  const unknown = targets.find((ratio) => !(/** @type {string[]} */ (ratios).includes(ratio)));
  if (unknown !== undefined)
    throw new Error(`--ratios are ${ratios.join(", ")}, but one is ${unknown}.`);
  return {
    ...rest,
    sets: [
      ...list(String(sets)),
      ...(values.prompts === undefined ? [] : [path.resolve(String(values.prompts))]),
    ],
    ratios: /** @type {import("./setting.mjs").TargetName[]} */ (targets),
    temperatures: list(String(temperatures)).map(Number),
    repetitions: Number(repetitions),
    limit: Number(limit),
    maxTokens: Number(rest["max-tokens"]),
    threads: Number(threads),
    out: String(values.out),
  };
}

/**
 * Every combination of set, target and temperature.
 * @param {{ sets: string[], ratios: import("./setting.mjs").TargetName[], temperatures: number[], limit: number, maxTokens: number, threads: number }} options
 */
export function cellsOf({ sets, ratios: targets, temperatures, limit, maxTokens, threads }) {
  return sets.flatMap((set) =>
    targets.flatMap((ratio) =>
      temperatures.map((temperature) => ({ set, ratio, temperature, limit, maxTokens, threads })),
    ),
  );
}
