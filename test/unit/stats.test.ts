import { StatsCollector } from "../../lib/stats";

const round = { tokens: new Int32Array(), ended: false, logProbabilities: new Float64Array() };

test("rates follow the paper's definitions", () => {
  const collector = new StatsCollector();
  // Two rounds of K = 4: 3 accepted and a correction, then all accepted and a bonus token.
  collector.addRound(
    { ...round, drafted: 4, accepted: 3, draftMicros: 1000, verifyMicros: 5000 },
    4,
  );
  collector.addRound(
    { ...round, drafted: 4, accepted: 4, draftMicros: 1000, verifyMicros: 5000 },
    5,
  );
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
    overheadMillis: 3,
  });
});

test("what the last round had beyond the end counts as discarded", () => {
  const collector = new StatsCollector();
  collector.addRound({ ...round, drafted: 4, accepted: 4, draftMicros: 0, verifyMicros: 0 }, 2);
  const stats = collector.finish();
  expect(stats.drafted + stats.targetPasses).toBe(stats.generated + stats.discarded);
});

test("nothing generated has no rates", () => {
  expect(new StatsCollector().finish()).toMatchObject({
    tokensPerSecond: 0,
    discardRate: 0,
    acceptanceRate: 0,
  });
});
