import type { Gate, StopRule } from "../../../lib";
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
  { length, gate }: StopRule,
  engineMaxDraft: number,
): Draft {
  if (length === 0) return { drafted: 0, steps: 0, stopReason: "none" };
  const f32 = Math.fround;
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
    steps += 1;
    const row = rows[k]!;
    const { bias = 0, logitMode = 0, rootEntropy = 0, margin = 0 } = gate?.estimate ?? {};
    const mode = Math.min(Math.max(f32(row.mode), 1e-9), 1 - 1e-9);
    let sum = bias + logitMode * Math.log(mode / (1 - mode));
    sum += rootEntropy * Math.sqrt(f32(row.entropy)) + margin * f32(row.margin);
    if (gate?.when === "after-draw") {
      const logProbability = Math.max(f32(Math.log(row.q)), Math.log(1e-9));
      sum += (gate.estimate.logProbability ?? 0) * logProbability;
    }
    const link = gate?.estimate.link ?? "identity";
    const estimate =
      link === "logistic" ? 1 / (1 + Math.exp(-sum)) : link === "exponential" ? Math.exp(sum) : sum;
    if (gate?.when === "before-draw") {
      const compared = gate.over === "product" ? product * estimate : estimate;
      if (compared < gate.threshold) return stop("gate");
    }
    drawn.push(estimate);
  }
}

test("any gate drafts as the engine's loop does", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  for (let i = 0; i < 3000; ++i) {
    const rows = Array.from({ length: 1 + Math.floor(random() * maxDraft) }, () => ({
      q: one([1, random(), 1e-12]),
      mode: one([1, random()]),
      margin: random(),
      entropy: one([0, 4 * random()]),
    }));
    const gate: Gate = {
      when: one(["before-draw", "after-draw"] as const),
      over: one(["newest", "product"] as const),
      threshold: random(),
      estimate: {
        bias: random(),
        logitMode: one([0, random()]),
        rootEntropy: one([0, -random()]),
        margin: one([0, random()]),
        logProbability: one([0, random()]),
        link: one(["identity", "logistic", "exponential"] as const),
      },
    };
    const rule = { length: Math.floor(random() * 12), ...(random() < 0.9 && { gate }) };
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
