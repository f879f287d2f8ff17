import type { Estimate, Gate, StopRule, SurvivalGate } from "../../../lib";
import { draft, type Draft } from "../../../lib/replay/draft";
import { toReply } from "../../../lib/replay/reply";
import { header, randomOf, record, type Row } from "./traces";

const maxDraft = 8;
const limits = header({ maxDraft, maxTokens: 100 });

/** Of rows in which only the shape of q matters; the reply goes on after them. */
function drafted(
  rows: readonly Omit<Row, "token" | "accepted" | "ratio">[],
  rule: StopRule,
  engineMaxDraft = maxDraft,
): Draft {
  const full = rows.map((row) => ({ token: 9, accepted: false, ratio: 0.5, ...row }));
  const reply = toReply(record(0, [1], [full]), limits);
  const result: Draft = { drafted: -1, steps: -1, stopReason: "none" };
  draft(reply, 0, rule, engineMaxDraft, result);
  return result;
}

/** native/engine/draft-round.cpp once more, step by step, with the rows as q's. */
function reference(
  rows: readonly Required<Pick<Row, "q" | "mode" | "margin" | "entropy">>[],
  { length, gate, survival }: StopRule,
  engineMaxDraft: number,
): Draft {
  if (length === 0) return { drafted: 0, steps: 0, stopReason: "none" };
  let steps = 0;
  const drawn: number[] = []; // estimates of tokens that were drawn
  const stop = (stopReason: Draft["stopReason"]): Draft => ({
    drafted: drawn.length,
    steps,
    stopReason,
  });
  for (;;) {
    const k = drawn.length;
    // The trace's row is shorter than its longest: the last token ends the text.
    if (k === rows.length && rows.length < maxDraft) return stop("end");
    if (k >= Math.min(length, engineMaxDraft)) return stop("length");
    const product = drawn.reduce((all, estimate) => all * estimate, 1);
    if (gate?.when === "after-draw" && k > 0) {
      const compared = gate.over === "product" ? product : (drawn.at(-1) ?? NaN);
      if (compared < gate.threshold) return stop("gate");
    }
    const row = rows[k]!;
    const { newest, older = newest, before, next } = survival ?? noSurvival;
    const others = rows.slice(0, Math.max(0, k - 1)).map((each) => valueOf(older, each, true));
    const survives = others.reduce((all, value) => all * value, 1);
    if (survival && k > 0) {
      const last = rows[k - 1]!;
      const known = survives * valueOf(newest, last, true) * valueOf(next, last, true);
      if (known < (survival.step[k] ?? 0)) return stop("gate");
    }
    steps += 1;
    if (survival) {
      const read = k > 0 ? survives * valueOf(older, rows[k - 1]!, true) : 1;
      if (read * valueOf(before, row, false) < (survival.draw[k] ?? 0)) return stop("gate");
    }
    const estimate = valueOf(gate?.estimate ?? {}, row, gate?.when === "after-draw");
    if (gate?.when === "before-draw") {
      const compared = gate.over === "product" ? product * estimate : estimate;
      if (compared < gate.threshold) return stop("gate");
    }
    drawn.push(estimate);
  }
}

const noSurvival: SurvivalGate = { newest: {}, before: {}, next: {}, step: [], draw: [] };

/** An estimate of a row as a trace has it, in single precision. */
function valueOf(
  estimate: Estimate,
  row: Required<Pick<Row, "q" | "mode" | "margin" | "entropy">>,
  drawn: boolean,
): number {
  const f32 = Math.fround;
  const [mode, margin, logProbability] = [f32(row.mode), f32(row.margin), f32(Math.log(row.q))];
  const { bias = 0, logitMode = 0, rootEntropy = 0, logRatio = 0, link = "identity" } = estimate;
  const bounded = Math.min(Math.max(mode, 1e-9), 1 - 1e-9);
  let sum = bias + logitMode * Math.log(bounded / (1 - bounded));
  sum += rootEntropy * Math.sqrt(f32(row.entropy)) + (estimate.margin ?? 0) * margin;
  sum += logRatio * (Math.log(mode) - Math.log(Math.max(mode - margin, 1e-6)));
  if (drawn) {
    sum += (estimate.logProbability ?? 0) * Math.max(logProbability, Math.log(1e-9));
    sum -= (estimate.logOthers ?? 0) * Math.log(Math.max(1 - Math.exp(logProbability), 1e-9));
  }
  return link === "logistic"
    ? 1 / (1 + Math.exp(-sum))
    : link === "exponential"
      ? Math.exp(sum)
      : sum;
}

test("any gate drafts as the engine's loop does", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  for (let i = 0; i < 4000; ++i) {
    const rows = Array.from({ length: 1 + Math.floor(random() * maxDraft) }, () => ({
      q: one([1, random(), 1e-12]),
      mode: one([1, 0.2 + 0.8 * random()]),
      margin: one([0.2, 0.2 * random()]),
      entropy: one([0, 4 * random()]),
    }));
    const estimate = (): Estimate => ({
      bias: random(),
      logitMode: one([0, random()]),
      rootEntropy: one([0, -random()]),
      margin: one([0, random()]),
      logRatio: one([0, random()]),
      logProbability: one([0, random()]),
      logOthers: one([0, random()]),
      link: one(["identity", "logistic", "exponential"] as const),
    });
    const gate: Gate = {
      when: one(["before-draw", "after-draw"] as const),
      over: one(["newest", "product"] as const),
      threshold: random(),
      estimate: estimate(),
    };
    const thresholds = (): number[] => Array.from({ length: 6 }, () => one([0, random(), 0.1]));
    const survival: SurvivalGate = {
      newest: estimate(),
      ...(random() < 0.5 && { older: estimate() }),
      before: estimate(),
      next: estimate(),
      step: thresholds(),
      draw: thresholds(),
    };
    const rule = {
      length: Math.floor(random() * 12),
      ...one([{}, { gate }, { survival }, { gate, survival }]),
    };
    const engineMaxDraft = 1 + Math.floor(random() * maxDraft);
    const seen = { seed, i, ...drafted(rows, rule, engineMaxDraft) };
    expect(seen).toEqual({ seed, i, ...reference(rows, rule, engineMaxDraft) });
  }
});

const sure = { mode: 0.9 };
const unsure = { mode: 0.2 };
const threshold = 0.5;

test("a gate before the draw spends the step whose token it does not draw", () => {
  const gate: Gate = {
    when: "before-draw",
    estimate: { logitMode: 1, link: "logistic" },
    threshold,
  };
  const rows = [sure, sure, unsure, sure];
  expect(drafted(rows, { length: 8, gate })).toEqual({ drafted: 2, steps: 3, stopReason: "gate" });
  expect(drafted([unsure], { length: 8, gate })).toEqual({
    drafted: 0,
    steps: 1,
    stopReason: "gate",
  });
});

test("a gate before the draw is not asked at the rule's length", () => {
  const gate: Gate = {
    when: "before-draw",
    estimate: { logitMode: 1, link: "logistic" },
    threshold,
  };
  expect(drafted([sure, sure, unsure], { length: 2, gate })).toEqual({
    drafted: 2,
    steps: 2,
    stopReason: "length",
  });
});

test("a gate after the draw keeps the token that it stops at", () => {
  const gate: Gate = {
    when: "after-draw",
    estimate: { logProbability: 1, link: "exponential" },
    over: "product",
    threshold,
  };
  const rows = [{ q: 0.9 }, { q: 0.7 }, { q: 0.6 }, { q: 0.9 }]; // 0.9, 0.63, 0.378
  expect(drafted(rows, { length: 8, gate })).toEqual({ drafted: 3, steps: 3, stopReason: "gate" });
});

test("an end of generation ends a draft, even where the rule's length does", () => {
  expect(drafted([sure, sure], { length: 5 })).toMatchObject({ drafted: 2, stopReason: "end" });
  expect(drafted([sure, sure], { length: 2 })).toMatchObject({ drafted: 2, stopReason: "end" });
});

test("a rule of length 0 costs nothing", () => {
  expect(drafted([sure], { length: 0 })).toEqual({ drafted: 0, steps: 0, stopReason: "none" });
});

test("without room nothing is drafted", () => {
  const reply = toReply(
    record(0, [1], [[{ token: 9, accepted: false, ratio: 1 }]]),
    header({ maxDraft, maxTokens: 1 }),
  );
  const result: Draft = { drafted: -1, steps: -1, stopReason: "none" };
  draft(reply, 0, { length: 4 }, maxDraft, result);
  expect(result).toEqual({ drafted: 0, steps: 0, stopReason: "room" });
});
