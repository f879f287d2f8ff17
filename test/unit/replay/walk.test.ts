import type { Policy, RoundInfo } from "../../../lib";
import { builtInPrices } from "../../../lib/cost/prices";
import { createPolicy } from "../../../lib/policy/policies";
import { draft, type Draft } from "../../../lib/replay/draft";
import { replayRecords } from "../../../lib/replay/replay";
import { toReply } from "../../../lib/replay/reply";
import { byPolicy, tokensOf, total, walk } from "../../../lib/replay/walk";
import { header, record, syntheticTrace } from "./traces";

const prices = { draftStepMicros: 2, verifyMicros: [10, 11, 12, 13] };

const reply = [10, 11, 12];
const starts = [
  [
    { token: 10, accepted: true, ratio: 3, q: 0.25, mode: 0.5 },
    { token: 98, accepted: false, ratio: 0.5, q: 0.5, mode: 0.5 },
  ],
  [{ token: 97, accepted: false, ratio: 0.25 }],
  [{ token: 96, accepted: false, ratio: 0.25 }],
];
const limits = header({ maxDraft: 2, maxTokens: 3 });
const replies = [toReply(record(0, reply, starts), limits)];

/** Drafts so many tokens in each round, and remembers what it is told. */
function recorder(needsDetails: boolean): { policy: Policy; rounds: RoundInfo[] } {
  const rounds: RoundInfo[] = [];
  return {
    rounds,
    policy: {
      name: "recorder",
      needsDetails,
      next: () => ({ length: 2 }),
      observe: (round) => rounds.push(round),
    },
  };
}

test("a policy is told of each round what an engine would tell it", () => {
  const { policy, rounds } = recorder(true);
  walk(replies, byPolicy(policy, prices, 2), prices, 2);
  const [first, second] = rounds;
  expect(rounds).toHaveLength(2);
  expect(first).toMatchObject({
    generated: 2,
    drafted: 2,
    accepted: 1,
    draftSteps: 2,
    stopReason: "length",
    draftMicros: 4,
    verifyMicros: 12,
    decodeMicros: 16,
  });
  expect(first?.draft?.map(({ id, acceptance }) => [id, acceptance])).toEqual([
    [10, 1],
    [98, 0.5],
  ]);
  expect(first?.draft?.[0]?.q).toBeCloseTo(0.25, 6);
  expect(first?.draft?.[0]?.p).toBeCloseTo(0.75, 6);
  expect(second).toMatchObject({ generated: 1, drafted: 0, stopReason: "room", draft: [] });
});

test("drafted tokens are made objects only for a policy that wants them", () => {
  const { policy, rounds } = recorder(false);
  walk(replies, byPolicy(policy, prices, 2), prices, 2);
  expect(rounds[0]).not.toHaveProperty("draft");
});

test("a policy knows the prices and keeps its state from one reply to the next", () => {
  const lengths: number[] = [];
  let length = 0;
  const policy: Policy = {
    name: "counter",
    next: (context) => {
      expect(context.prices).toBe(prices);
      lengths.push(length);
      return { length: length++ % 2 };
    },
  };
  walk([...replies, ...replies], byPolicy(policy, prices, 2), prices, 2);
  expect(lengths.length).toBeGreaterThan(3);
  expect(lengths).toEqual(lengths.map((_, i) => i));
});

test("a policy that decides token by token is refused", () => {
  const policy: Policy = { name: "asker", next: () => ({ length: 2 }), continues: () => true };
  expect(() => byPolicy(policy, prices, 2)).toThrow(/"asker" decides token by token/);
});

test("a length that is none is refused", () => {
  const policy: Policy = { name: "half", next: () => ({ length: 0.5 }) };
  expect(() => walk(replies, byPolicy(policy, prices, 2), prices, 2)).toThrow(
    /"half" gave a rule whose length must be a whole number/,
  );
});

// Rounds begin after rejections, where it is hard: averaging over all tokens of a text as starts would
// promise more than any run can have.
test("rounds are chained: uniform starts would overstate a long draft", () => {
  const { header: synthetic, records } = syntheticTrace({ prompts: 20, replyTokens: 200 });
  const made = records.map((each) => toReply(each, synthetic));
  const policy = createPolicy("fixed:8", 20);
  const paper = builtInPrices.paper!;
  const chained = walk(made, byPolicy(policy, paper, 20), paper, 20);
  const perPass = tokensOf(made) / total(chained.passes);

  let tokens = 0;
  const result: Draft = { drafted: 0, steps: 0, stopReason: "none" };
  for (const each of made) {
    for (let start = 0; start < each.length; ++start) {
      draft(each, start, { length: 8 }, 20, result);
      tokens += Math.min(each.accepted[start] ?? 0, result.drafted) + 1;
    }
  }
  const uniformPerPass = tokens / tokensOf(made);
  expect(uniformPerPass).toBeGreaterThan(1.05 * perPass);
});

test("no rule is faster than the oracle, and the bound lies between", () => {
  const { header: synthetic, records } = syntheticTrace({ prompts: 15, replyTokens: 100 });
  for (const name of ["paper", "1:10"]) {
    const { bestFixed, bound, oracle, sweeps } = replayRecords(
      synthetic,
      records,
      builtInPrices[name]!,
    );
    const fastest = Math.max(...sweeps.map(({ best }) => best.tokensPerSecond.value));
    expect(bestFixed.tokensPerSecond.value).toBeGreaterThan(0);
    expect(bound.tokensPerSecond.value).toBeGreaterThan(fastest);
    expect(oracle.tokensPerSecond.value).toBeGreaterThan(bound.tokensPerSecond.value);
  }
});
