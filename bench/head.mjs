// How well heads predict acceptance, beside predictors that need none, on prompts that neither training
// nor calibration has seen; and what makes them good: an ablation. Figures are lines of JSON; with --out,
// tables for docs/heads.md are written there.
// Usage: npm run bench:head -- --train DIR … --eval NAME=DIR … [--head FILE] [--ablation --variants PATTERN] [--out FILE]

import { writeFileSync } from "node:fs";
import { ablate } from "./head/ablation.mjs";
import { compare } from "./head/comparison.mjs";
import { print } from "./head/figures.mjs";
import { flag, number, parseOptions, string } from "./options.mjs";
import { conditions } from "./setting.mjs";

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
const { train } = values;
const judges = values.eval.map((/** @type {string} */ named) => {
  const [name = "", folder = ""] = named.split("=");
  return { name, folder };
});

print({ conditions: conditions(), train, eval: values.eval });
const tables = [];
if (values.head !== undefined) tables.push(...(await compare(values.head, train, judges)));
if (values.ablation) tables.push(await ablate(train, judges, values));
if (values.out !== undefined) writeFileSync(values.out, tables.join("\n"));
else console.log(tables.join("\n"));
