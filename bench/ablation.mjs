// What the parts of the rule `throughput` bring: on traces, by taking one away at a time. A part is taken away
// from the data that the policy hands over before each round, so the policy itself stays as it is. Needs no model.
// Usage: npm run bench:ablation -- --trace DIR [--trace DIR …] [--head FILE] [--costs paper --costs FILE …] [--limit N]

import { createRequire } from "node:module";
import path from "node:path";
import { number, parseOptions, string } from "./options.mjs";
import { conditions, root } from "./setting.mjs";

const require = createRequire(import.meta.url);
const dist = (/** @type {string} */ file) => require(path.join(root, "dist", file));
const { AcceptanceHead } = dist("head/acceptance-head.js");
const { verifyMicros } = dist("cost/prices.js");
const { createPolicy } = dist("policy/policies.js");
const { knownAcceptance } = dist("replay/bounds.js");
const { knownCosts, pricesFor } = dist("replay/costs.js");
const { loadReplies } = dist("replay/load.js");
const { byPolicy, tokensOf, total, walk } = dist("replay/walk.js");

const values = parseOptions("What the parts of the rule throughput bring, on traces.", {
  trace: {
    ...string,
    array: true,
    demandOption: true,
    describe: "Folder of a trace; may be repeated",
  },
  costs: {
    ...string,
    array: true,
    default: ["paper", "1:10"],
    describe: "Prices: a name of replay's, or a file; may be repeated",
  },
  head: { ...string, describe: "File of a head, which the rule asks" },
  limit: { ...number, default: Infinity, describe: "Prompts of each trace" },
});
const maxDraft = 16;

/** @typedef {import("../dist/index.js").Policy} Policy */
/** @typedef {import("../dist/index.js").StopRule} StopRule */
/** @typedef {import("../dist/index.js").SurvivalGate} SurvivalGate */
/** @typedef {import("../dist/index.js").RoundContext} RoundContext */

/**
 * The policy with another gate.
 * @param {(gate: SurvivalGate, context: RoundContext, policy: Policy) => SurvivalGate} change
 * @returns {(policy: Policy) => Policy}
 */
const gated = (change) => (policy) => ({
  name: "ablated",
  needsDetails: true,
  next: (context) => {
    const rule = policy.next(context);
    if (!rule.survival) return rule;
    return { ...rule, survival: change(rule.survival, context, policy) };
  },
  observe: (round) => policy.observe?.(round),
});

/** Gates whose estimates are those of the first round. */
function frozen(/** @type {boolean} */ withBias) {
  /** @type {SurvivalGate | undefined} */
  let first;
  return gated((gate) => {
    first ??= gate;
    const kept = first;
    const freeze = (/** @type {"newest" | "before" | "next" | "older"} */ name) => ({
      ...kept[name],
      ...(withBias && { bias: kept[name]?.bias ?? 0 }),
      ...(!withBias && { bias: gate[name]?.bias ?? 0 }),
    });
    return {
      ...gate,
      newest: freeze("newest"),
      before: freeze("before"),
      next: freeze("next"),
      ...(gate.older && { older: freeze("older") }),
    };
  });
}

const never = (/** @type {readonly number[]} */ list) => list.map(() => -Infinity);

/** Each makes the policy anew; more than one: a parameter, of which the best in hindsight is shown. */
const parts = {
  "all of it": () => [(/** @type {Policy} */ policy) => policy],
  "no trim before the draw": () => [gated((gate) => ({ ...gate, draw: never(gate.draw) }))],
  "no look-ahead: the next token alone": () => [
    gated((gate, { prices }, policy) => {
      const rate = (policy.expectation?.tokensPerSecond ?? 0) / 1e6;
      const row = (/** @type {number} */ k) =>
        verifyMicros(prices, k + 1) - verifyMicros(prices, k);
      return {
        ...gate,
        step: gate.step.map((_, k) => rate * (prices.draftStepMicros + row(k))),
        draw: gate.draw.map((_, k) => rate * row(k)),
      };
    }),
  ],
  "the lag: a token is judged once it is read": () => [
    gated((gate) => {
      const mean = { bias: 0.8 };
      return { ...gate, newest: mean, next: mean, older: gate.older ?? gate.newest };
    }),
  ],
  "nothing is learned": () => [frozen(true)],
  "biases alone are learned": () => [frozen(false)],
  "no prices: a threshold, the best in hindsight": () =>
    Array.from({ length: 19 }, (_, i) =>
      gated((gate) => ({
        ...gate,
        step: gate.step.map(() => (i + 1) / 20),
        draw: never(gate.draw),
      })),
    ),
};

console.log(JSON.stringify({ conditions: conditions(), maxDraft, head: values.head ?? null }));
const head = values.head === undefined ? undefined : await AcceptanceHead.load(values.head);
const lines = [
  "| trace, prices | without | over the best fixed K | of the gap |",
  "| --- | --- | --- | --- |",
];
for (const trace of values.trace) {
  const { header, replies } = await loadReplies(trace, values.limit, head);
  for (const costs of values.costs) {
    const prices = await pricesFor(await knownCosts(costs), header, replies);
    const speed = (/** @type {Policy} */ policy) =>
      tokensOf(replies) /
      total(walk(replies, byPolicy(policy, prices, maxDraft), prices, maxDraft).micros);
    const fixed = Array.from({ length: maxDraft + 1 }, (_, length) =>
      speed({ name: "fixed", next: () => ({ length }) }),
    );
    const best = Math.max(...fixed);
    const bound = tokensOf(replies) / total(knownAcceptance(replies, prices, maxDraft).micros);
    for (const [part, make] of Object.entries(parts)) {
      const speeds = make().map((without) =>
        speed(without(createPolicy("throughput", maxDraft, head?.info.kind))),
      );
      const gain = Math.max(...speeds) / best - 1;
      const share = (Math.max(...speeds) - best) / (bound - best);
      lines.push(
        `| ${path.basename(trace)}, ${path.basename(costs)} | ${part} | ${gain >= 0 ? "+" : ""}${(100 * gain).toFixed(1)} % | ${share.toFixed(2)} |`,
      );
    }
  }
}
head?.dispose();
console.log(lines.join("\n"));
