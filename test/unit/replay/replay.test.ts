import type { Prices } from "../../../lib/cost/prices";
import type { TraceRecord } from "../../../lib/trace/format";
import { replay, type ReplayOptions, replayRecords } from "../../../lib/replay/replay";
import { rejection } from "../../support/expect-error";
import { header, record, type Row } from "./traces";

// Two replies, worked by hand. t_d = 2, V = 10, 11, 12, 13: a round of K drafted tokens takes 10, 13,
// 16, 19. Token 2 is the end of generation.
const prices: Prices = { draftStepMicros: 2, verifyMicros: [10, 11, 12, 13] };
const end = 2;

const yes = (token: number, ratio: number, mode: number): Row => ({
  token,
  accepted: true,
  ratio,
  mode,
});
const no = (token: number, ratio: number, mode: number): Row => ({
  token,
  accepted: false,
  ratio,
  mode,
});

const first = record(
  0,
  [10, 11, 12, 13, 14, end],
  [
    [yes(10, 2, 0.9), no(99, 0.25, 0.4), yes(98, 1, 0.9)],
    [yes(11, 1, 0.9), no(98, 0.5, 0.9), yes(97, 1, 0.9)],
    [yes(12, 1, 0.8), yes(13, 1, 0.6), yes(14, 0.5, 0.3)],
    [no(96, 0.5, 0.9), yes(95, 1, 0.9), no(94, 0.25, 0.9)],
    [yes(14, 1, 0.9), yes(end, 1, 0.9)],
    [yes(end, 0.5, 0.2)],
  ],
);
const second = record(
  1,
  [20, end],
  [
    [no(77, 0.9, 0.45), no(76, 0.5, 0.9), no(75, 0.1, 0.9)],
    [no(74, 0.1, 0.55), no(73, 0.1, 0.1), no(72, 0.1, 0.9)],
  ],
);
const trace: TraceRecord[] = [first, second];

const result = replayRecords(header(), trace, prices, {
  rules: ["confidence:0.5"],
  sweeps: ["fixed"],
});

const speed = (micros: number): number => (8 / micros) * 1e6;

test("every fixed K is walked as it would have run", () => {
  const rows = result.sweeps[0]!.points.map(({ rule, passes, drafted, discarded, millis }) => [
    rule,
    passes,
    drafted,
    discarded,
    millis * 1000,
  ]);
  expect(rows).toEqual([
    ["none", 8, 0, 0, 80],
    // 10 11 | 12 13 | 14 end; 20 | end, a rejected token each
    ["fixed:1", 5, 5, 2, 3 * 13 + 2 * 13],
    // 10 11 | 12 13 14 | end, after which there is no token of the target's
    ["fixed:2", 5, 9, 6, 16 + 16 + 13 + 2 * 16],
    ["fixed:3", 4, 12, 8, 19 + 19 + 2 * 19],
  ]);
});

test("the best fixed K, plain decoding, the bound and the oracle are the marks", () => {
  expect(result.bestFixed.rule).toBe("fixed:1");
  expect(result.plain.tokensPerSecond.value).toBeCloseTo(speed(80), 6);
  expect(result.bestFixed.tokensPerSecond.value).toBeCloseTo(speed(65), 6);
  // At R = 0.1, then 8/58: K = 1 and 3 in the first reply, 2 and 0 in the second.
  expect(result.bound.tokensPerSecond.value).toBeCloseTo(speed(13 + 19 + 16 + 10), 6);
  expect(result.bound).toMatchObject({ passes: 4, drafted: 6, discarded: 2 });
  // Of the first reply 1 and 3, of the second nothing.
  expect(result.oracle.tokensPerSecond.value).toBeCloseTo(speed(13 + 19 + 10 + 10), 6);
  expect(result.oracle).toMatchObject({ passes: 4, drafted: 4, discarded: 0 });
});

test("rates, shares and gains follow their definitions", () => {
  const { bestFixed, plain } = result;
  expect(bestFixed.speedup.value).toBeCloseTo(80 / 65, 12);
  expect(bestFixed.gain.value).toBeCloseTo(0, 12);
  expect(plain.gain.value).toBeCloseTo(65 / 80 - 1, 12);
  expect(bestFixed.shareOfOracle.value).toBeCloseTo(52 / 65, 12);
  expect(bestFixed.shareOfGap.value).toBeCloseTo(0, 12);
  expect(result.bound.shareOfGap.value).toBeCloseTo(1, 12);
  expect(bestFixed.discardRate.value).toBeCloseTo(2 / 8, 12);
  expect(bestFixed.verificationRate.value).toBeCloseTo(5 / 8, 12);
  expect(bestFixed.meanDraft.value).toBeCloseTo(1, 12);
});

test("a gate before the draw costs the step that shows q", () => {
  // Steps 2, 3, 1 for 1, 2, 0 tokens of the first reply; 1, 2 for 0, 1 of the second.
  expect(result.rules[0]).toMatchObject({
    rule: "confidence:0.5",
    passes: 5,
    drafted: 4,
    draftSteps: 9,
    discarded: 1,
  });
  const micros = 4 + 11 + (6 + 12) + (2 + 10) + (2 + 10) + (4 + 11);
  expect(result.rules[0]!.tokensPerSecond.value).toBeCloseTo(speed(micros), 6);
});

test("maxTokens leaves room for the target's token", () => {
  const cut = replayRecords(header({ maxTokens: 6 }), [first], prices, { sweeps: ["fixed"] });
  // From token 5 on nothing can be drafted: 10 11 | 12 13 14 | end.
  const two = cut.sweeps[0]!.points[2]!;
  expect(two).toMatchObject({ rule: "fixed:2", passes: 3, drafted: 4, discarded: 1 });
});

test("the longest draft can be less than the trace's", () => {
  const short = replayRecords(header(), trace, prices, { sweeps: ["fixed"], maxDraft: 1 });
  expect(short.sweeps[0]!.points.map(({ rule }) => rule)).toEqual(["none", "fixed:1"]);
  expect(short.oracle.drafted).toBeLessThanOrEqual(short.oracle.passes);
});

test("without a choice all rules are swept, with their defaults among the points", () => {
  const { sweeps, rules } = replayRecords(header(), trace, prices);
  expect(rules).toEqual([]);
  expect(sweeps.map(({ rule }) => rule)).toEqual([
    "fixed",
    "schedule",
    "confidence",
    "cumulative",
    "entropy",
    "logistic",
    "expected",
    "throughput",
  ]);
  for (const { best, standard, points } of sweeps) {
    const fastest = Math.max(...points.map(({ tokensPerSecond }) => tokensPerSecond.value));
    expect(best.tokensPerSecond.value).toBe(fastest);
    if (standard) expect(points.map(({ rule }) => rule)).toContain(standard.rule);
  }
});

test("tokens and passes add up for every rule", () => {
  const { sweeps, bound, oracle } = replayRecords(header(), trace, prices);
  for (const report of [bound, oracle, ...sweeps.flatMap(({ points }) => points)]) {
    expect(report.drafted + report.passes).toBe(report.generated + report.discarded);
  }
});

test("the paper's time is t_d + t_d · discard rate + (t_target - t_d) · verification rate", () => {
  const flat = replayRecords(
    header(),
    trace,
    { draftStepMicros: 2, verifyMicros: [10] },
    { sweeps: ["fixed"] },
  );
  for (const { millis, generated, discardRate, verificationRate } of flat.sweeps[0]!.points) {
    const perToken = 2 + 2 * discardRate.value + (10 - 2) * verificationRate.value;
    expect((millis * 1000) / generated).toBeCloseTo(perToken, 9);
  }
});

test.each<[string, () => unknown, RegExp, string?]>([
  [
    "a trace of rounds",
    () => replayRecords(header({ mode: "rounds" }), trace, prices),
    /needs a trace of walks, .* mode is "rounds"/,
  ],
  ["a trace without prompts", () => replayRecords(header(), [], prices), /has no reply to replay/],
  [
    "a rule that is none",
    () => replayRecords(header(), trace, prices, { rules: ["frob"] }),
    /the rule must be one of .*"frob"/,
  ],
  [
    "a rule without the parameter it needs",
    () => replayRecords(header(), trace, prices, { rules: ["fixed"] }),
    /K of the rule "fixed:K" must be a whole number, 1 to 3/,
  ],
  [
    "a sweep of one parameter",
    () => replayRecords(header(), trace, prices, { sweeps: ["confidence:0.4"] }),
    /named without one: "confidence", but is "confidence:0.4"/,
  ],
  [
    "a longer draft than the trace's",
    () => replayRecords(header(), trace, prices, { maxDraft: 4 }),
    /maxDraft must be a whole number, 1 to 3/,
  ],
  [
    "accepted tokens that are not the reply's",
    () => replayRecords(header(), [record(7, [5], [[yes(6, 1, 1)]])], prices),
    /prompt 7 is not a walk; what was accepted at token 0/,
    "ERR_TRACE_BROKEN",
  ],
  [
    "accepted tokens beyond the reply",
    () => replayRecords(header(), [record(7, [5], [[yes(5, 1, 1), yes(6, 1, 1)]])], prices),
    /what was accepted at token 1/,
    "ERR_TRACE_BROKEN",
  ],
  [
    "rows that are missing",
    () => {
      const broken = record(3, [5], [[no(6, 1, 1)]]);
      return replayRecords(header(), [{ ...broken, drafted: Uint8Array.of(2) }], prices);
    },
    /its starts have 2 rows, its arrays 1/,
    "ERR_TRACE_BROKEN",
  ],
])("refused: %s", (_, attempt, message, code = "ERR_INVALID_ARGUMENT") => {
  expect(attempt).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringMatching(message) as string,
    }) as Error,
  );
});

test.each([
  ["an option of no name", { rule: ["schedule"] }, /rule/],
  ["rules that are no list", { rules: "schedule" }, /rules must be an array of rules/],
])("replay refuses %s", async (_, wrong, message) => {
  const options = { trace: "walks", costs: "paper", ...wrong } as unknown as ReplayOptions;
  const error = await rejection(replay(options), "ERR_INVALID_ARGUMENT");
  expect(error.message).toMatch(message);
});
