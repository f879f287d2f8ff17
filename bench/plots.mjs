// Pictures of what the benchmarks measured, of their lines of JSON: speedups of the rules and of the
// peers, speed over draft length, prices, and of a replay the Pareto front. Each is light or dark as whoever
// shows it prefers. Usage: npm run bench:plots [-- --rules FILE --peers FILE --replay FILE --out FOLDER]

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { drawCosts } from "../dist/plot/costs.mjs";
import { drawPareto } from "../dist/plot/pareto.mjs";
import { parseOptions, resultFile, string } from "./options.mjs";
import { drawBars } from "./plots/bars.mjs";
import { drawLengths } from "./plots/lengths.mjs";
import { readLines } from "./record.mjs";
import { root } from "./setting.mjs";
import { summarize } from "./trials.mjs";

const { defaultPolicyName } = createRequire(import.meta.url)("../dist/policy/policies.js");

const values = parseOptions("Pictures of what the benchmarks measured.", {
  rules: { ...string, default: resultFile("rules.jsonl"), describe: "Results of npm run bench" },
  peers: { ...string, default: resultFile("peers.jsonl"), describe: "And of npm run bench:peers" },
  replay: { ...string, describe: "What specdecpp replay --json printed" },
  out: {
    ...string,
    default: path.join(root, "docs", "images"),
    describe: "Folder of the pictures",
  },
});

/**
 * @typedef {import("./record.mjs").Trial} Trial
 * @typedef {ReturnType<typeof summarize>[0]} Row
 * @typedef {{ set: string, ratio: string, temperature: number, draft?: string, cold?: boolean, turns?: string, stage?: string, threads: number }} Cell
 */

const setNames = { gsm8k: "GSM8K", humaneval: "HumanEval" };
const nameOf = (/** @type {string} */ set) =>
  /** @type {Record<string, string>} */ (setNames)[set] ?? path.basename(set, ".jsonl");
const panelOf = (/** @type {Cell} */ { set, ratio, temperature }) =>
  `${nameOf(set)}, ${ratio === "own" ? "target as it is" : ratio}, temperature ${temperature}`;

/** The trials of each cell, in the order in which cells were run. @param {any[]} lines */
function byCell(lines) {
  /** @type {Map<string, { cell: Cell, trials: Trial[] }>} */
  const cells = new Map();
  for (const trial of lines.filter((line) => line.samples !== undefined)) {
    const key = JSON.stringify(trial.cell);
    const entry = cells.get(key) ?? { cell: trial.cell, trials: [] };
    entry.trials.push(trial);
    cells.set(key, entry);
  }
  return [...cells.values()];
}

/** @param {any[]} lines */
function conditionsOf(lines) {
  const { processor, cores, system, node, llamaCpp } = lines.find(
    (line) => line.conditions,
  ).conditions;
  return `${processor}, ${cores} cores, ${system.split(" ").slice(0, 2).join(" ")}, Node ${node.slice(1)}, llama.cpp ${llamaCpp}`;
}

/** As trials ran in a random order, the names by the alphabet, numbers by their size. @param {Trial[]} trials */
const names = (trials) =>
  [...new Set(trials.map(({ name }) => name))].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
const isFixed = (/** @type {string} */ name) => name.startsWith("fixed:");

/** @param {Row[]} rows */
const fastest = (rows) =>
  rows.reduce((a, b) => (b.tokensPerSecond.value > a.tokensPerSecond.value ? b : a));

/** A bar for each row. @param {Cell} cell @param {string} label @param {any} row @param {boolean} own */
function bar(cell, label, row, own) {
  const { value, low = value, high = value } = row.speedup;
  return { panel: panelOf(cell), label, value, low, high, own };
}

const drawnFrom =
  "The embedded pair; its target in Q8_0, with idle layers that give a pass the price of 10 or 40 draft steps.";

/** @param {any[]} lines of npm run bench */
async function drawRules(lines) {
  const all = byCell(lines).filter(({ cell }) => cell.draft === "demo" && !cell.cold);
  const byTurns = all.filter(({ cell }) => cell.turns);
  const cells = byTurns.length > 0 ? byTurns : all; // they scatter less
  const bars = [];
  const points = [];
  const horizontal = [];
  for (const { cell, trials } of cells) {
    const rows = summarize(names(trials), trials, { speedup: "none" });
    const fixed = rows.filter(({ name }) => isFixed(name));
    const adaptive = rows.filter(({ name }) => name !== "none" && !isFixed(name));
    const best = fixed.length > 0 ? [fastest(fixed)] : [];
    for (const row of best) bars.push(bar(cell, `K = ${row.name.slice(6)}, the best`, row, false));
    for (const row of adaptive)
      bars.push(bar(cell, row.name, row, row.name.startsWith("throughput")));
    for (const { name, tokensPerSecond } of fixed) {
      points.push({ panel: panelOf(cell), K: Number(name.slice(6)), ...tokensPerSecond });
    }
    const lines = rows.filter(({ name }) => name === "none" || name.startsWith("throughput"));
    for (const { name, tokensPerSecond } of lines) {
      const label = name === "none" ? "plain decoding" : name;
      const own = name !== "none";
      const below = name === "throughput";
      horizontal.push({ panel: panelOf(cell), label, value: tokensPerSecond.value, own, below });
    }
  }
  const columns = new Set(cells.map(({ cell }) => cell.temperature)).size;
  const subtitle = [drawnFrom, conditionsOf(lines)];
  await save("rules.svg", () =>
    drawBars({ title: "Stop rules: speed over plain decoding", subtitle, columns, bars }),
  );
  await save("draft-length.svg", () =>
    drawLengths({
      title: "Speed over the draft length",
      subtitle,
      columns,
      points,
      lines: horizontal,
    }),
  );
  for (const { prices } of lines.filter((line) => line.prices?.draft === "demo")) {
    await save(`costs-${prices.ratio.replace(":", "-")}.svg`, () => drawCosts(prices));
  }
}

/** @param {any[]} lines of npm run bench:peers */
async function drawPeers(lines) {
  const bars = [];
  const cells = byCell(lines).filter(({ cell }) => cell.stage === "final");
  for (const { cell, trials } of cells) {
    const rows = summarize(names(trials), trials, { speedup: "specdecpp, plain" });
    const of = (/** @type {string} */ start) => rows.filter(({ name }) => name.startsWith(start));
    for (const row of of("specdecpp").filter(({ name }) => name !== "specdecpp, plain")) {
      const rule = row.name.replace("specdecpp, default", `specdecpp (${defaultPolicyName})`);
      bars.push(bar(cell, rule, row, true));
    }
    const predictors = of("node-llama-cpp").filter(({ name }) => name !== "node-llama-cpp, plain");
    const best = [
      ["llama.cpp, tuned", of("llama.cpp")],
      ["node-llama-cpp, tuned", predictors],
      ["node-llama-cpp, plain", of("node-llama-cpp, plain")],
    ];
    for (const [label, all] of /** @type {[string, Row[]][]} */ (best)) {
      if (all.length > 0) bars.push(bar(cell, label, fastest(all), false));
    }
  }
  const columns = new Set(cells.map(({ cell }) => cell.temperature)).size;
  const [threads] = cells.map(({ cell }) => cell.threads);
  await save("peers.svg", () =>
    drawBars({
      title: "specdecpp at its default, its peers at their best",
      subtitle: [
        "Over specdecpp's plain decoding; the same models, prompts and llama.cpp libraries,",
        `${threads === 1 ? "1 thread" : `${threads} threads`}. ${drawnFrom}`,
        conditionsOf(lines),
      ],
      columns,
      bars,
    }),
  );
}

/** @param {string} name @param {() => Promise<string>} draw */
async function save(name, draw) {
  mkdirSync(values.out, { recursive: true });
  const file = path.join(values.out, name);
  writeFileSync(file, `${await draw()}\n`);
  console.log(file);
}

const given = [
  [values.rules, drawRules],
  [values.peers, drawPeers],
];
const present = /** @type {[string, (lines: any[]) => Promise<void>][]} */ (given).filter(
  ([file]) => existsSync(file),
);
if (present.length === 0 && values.replay === undefined) {
  console.error("There are no results: run npm run bench or npm run bench:peers first.");
  process.exitCode = 1;
}
for (const [file, draw] of present) await draw(readLines(file));
if (values.replay !== undefined) {
  const result = JSON.parse(readFileSync(values.replay, "utf8"));
  await save("pareto.svg", () => drawPareto(result));
}
