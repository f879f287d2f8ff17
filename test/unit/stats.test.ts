import type { RoundInfo } from "../../lib";
import { StatsCollector } from "../../lib/stats";

const round: RoundInfo = {
  generated: 0,
  drafted: 4,
  accepted: 0,
  draftSteps: 4,
  stopReason: "length",
  draftMicros: 1000,
  verifyMicros: 5000,
  decodeMicros: 5500,
};

test("rates follow the paper's definitions", () => {
  const collector = new StatsCollector();
  // Two rounds of K = 4: 3 accepted and a correction, then all accepted and a bonus token.
  collector.addRound({ ...round, accepted: 3, generated: 4 });
  collector.addRound({ ...round, accepted: 4, generated: 5 });
  collector.addLoopTime(15);
  expect(collector.finish()).toMatchObject({
    generated: 9,
    targetPasses: 2,
    drafted: 8,
    accepted: 7,
    discarded: 1,
    acceptanceRate: 7 / 8,
    discardRate: 1 / 9,
    verificationRate: 2 / 9,
    tokensPerPass: 4.5,
    tokensPerSecond: 600,
    draftMillis: 2,
    verifyMillis: 10,
    decodeMillis: 11,
    overheadMillis: 3,
  });
});

test("acceptance is counted by position, and rounds by length and reason", () => {
  const collector = new StatsCollector();
  collector.addRound({ ...round, drafted: 2, accepted: 1, generated: 2 });
  collector.addRound({ ...round, drafted: 3, accepted: 3, generated: 4, stopReason: "gate" });
  collector.addRound({ ...round, drafted: 0, accepted: 0, generated: 1, stopReason: "none" });
  expect(collector.finish()).toMatchObject({
    acceptanceByPosition: [
      { drafted: 2, accepted: 2 },
      { drafted: 2, accepted: 1 },
      { drafted: 1, accepted: 1 },
    ],
    draftLengths: [1, 0, 1, 1],
    stopReasons: { length: 1, gate: 1, end: 0, room: 0, none: 1 },
  });
});

test("what a rule expected is added up over its rounds; prices and throughput are the last ones", () => {
  const collector = new StatsCollector();
  const expected = (accepted: number, step: number) => ({
    accepted,
    tokensPerSecond: 100 * step,
    prices: { draftStepMicros: step, verifyMicros: [10] },
  });
  collector.addRound(round, expected(1.5, 1));
  collector.addRound(round, expected(2, 2));
  expect(collector.finish().expected).toEqual(expected(3.5, 2));
  expect(new StatsCollector().finish()).not.toHaveProperty("expected");
});

test("what the last round had beyond the end counts as discarded", () => {
  const collector = new StatsCollector();
  collector.addRound({ ...round, accepted: 4, generated: 2 });
  const stats = collector.finish();
  expect(stats.drafted + stats.targetPasses).toBe(stats.generated + stats.discarded);
});

test("the prompt's speed is apart from the text's", () => {
  const collector = new StatsCollector();
  collector.promptTokens = 60;
  collector.reusedTokens = 10;
  collector.promptMillis = 100;
  expect(collector.finish()).toMatchObject({ promptTokensPerSecond: 500, tokensPerSecond: 0 });
});

test("nothing generated has no rates", () => {
  expect(new StatsCollector().finish()).toMatchObject({
    tokensPerSecond: 0,
    promptTokensPerSecond: 0,
    discardRate: 0,
    acceptanceRate: 0,
  });
});
