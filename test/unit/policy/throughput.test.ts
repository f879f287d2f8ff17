import type { Policy, Prices, RoundContext } from "../../../lib";
import { CostModel } from "../../../lib/cost/cost-model";
import { guessCosts } from "../../../lib/cost/cost-table";
import { createPolicy } from "../../../lib/policy/policies";
import { Pace } from "../../../lib/policy/pace";
import { knownAcceptance } from "../../../lib/replay/bounds";
import { toReply, type Reply } from "../../../lib/replay/reply";
import { byPolicy, tokensOf, total, type Walk, walk } from "../../../lib/replay/walk";
import { uniform } from "../../../lib/random";
import { header, syntheticTrace } from "../replay/traces";

const maxDraft = 16;
const flat: Prices = { draftStepMicros: 1000, verifyMicros: [10_000] };
const rising: Prices = {
  draftStepMicros: 500,
  verifyMicros: [6600, 8700, 11200, 10200, 12400, 13200, 14200, 15300, 16700],
};

const made = syntheticTrace({ prompts: 40, replyTokens: 100, maxDraft, seed: 5 });
const all = made.records.map((record) => toReply(record, made.header));

/** Replies whose shapes tell something of what is accepted, with every acceptance times `factor`. */
function replies(count: number, factor = 1): Reply[] {
  return all.slice(0, count).map((reply) =>
    factor === 1
      ? reply
      : {
          ...reply,
          ratio: reply.ratio.map((ratio) => factor * ratio),
          accepted: new Uint8Array(reply.length),
        },
  );
}

function play(name: string, on: readonly Reply[], prices: Prices): Walk {
  return walk(on, byPolicy(createPolicy(name, maxDraft), prices, maxDraft), prices, maxDraft);
}

function bestFixedMicros(on: readonly Reply[], prices: Prices): number {
  const rules = Array.from({ length: maxDraft }, (_, i) => `fixed:${i + 1}`);
  return Math.min(...["none", ...rules].map((rule) => total(play(rule, on, prices).micros)));
}

test.each([
  ["flat prices", flat],
  ["prices with steps", rising],
])("at %s it is faster than any fixed length where q tells what is accepted", (_, prices) => {
  const on = replies(40);
  expect(total(play("throughput", on, prices).micros)).toBeLessThan(
    0.97 * bestFixedMicros(on, prices),
  );
});

test("where no fixed length pays it drafts in the places where drafting does", () => {
  const dear: Prices = {
    draftStepMicros: 1200,
    verifyMicros: [10_000, ...Array.from({ length: maxDraft }, (_, i) => 17_000 + 3000 * i)],
  };
  const on = replies(40);
  const plain = tokensOf(on) * dear.verifyMicros[0]!;
  expect(bestFixedMicros(on, dear)).toBe(plain);
  expect(total(play("throughput", on, dear).micros)).toBeLessThan(0.97 * plain);
});

test("a head that knows what is accepted takes it a good part of the way to the bound", () => {
  const logits = (reply: Reply): Reply => {
    const known = reply.ratio.map((ratio) => {
      const a = Math.min(Math.max(ratio, 0.01), 0.99);
      return Math.log(a / (1 - a));
    });
    return { ...reply, head: { before: known, newest: known, older: known } };
  };
  const on = replies(40).map(logits);
  const policy = createPolicy("throughput", maxDraft, "full");
  const walked = walk(on, byPolicy(policy, flat, maxDraft), flat, maxDraft);
  const speed = (micros: number): number => tokensOf(on) / micros;
  const withHead = speed(total(walked.micros));
  const without = speed(total(play("throughput", on, flat).micros));
  const bound = speed(total(knownAcceptance(on, flat, maxDraft).micros));
  const fixed = speed(bestFixedMicros(on, flat));
  expect((withHead - fixed) / (bound - fixed)).toBeGreaterThan(0.5);
  expect(withHead).toBeGreaterThan(without);
});

test.each([
  ["flat prices", flat],
  ["prices with steps", rising],
])("at %s a useless draft is left alone within a few rounds", (_, prices) => {
  const on = replies(40, 0.001);
  const { micros } = play("throughput", on, prices);
  const plain = tokensOf(on) * prices.verifyMicros[0]!;
  expect(micros[0]).toBeLessThan((1.12 * plain) / on.length);
  expect(total(micros)).toBeLessThan(1.015 * plain);
});

/**
 * Micros of a life in which prices are a guess that rounds correct, beside what they were. slowdown: how
 * much longer than it should a round, by its number, seems to take.
 */
function cold(
  on: readonly Reply[],
  truth: Prices,
  slowdown: (round: number) => number = () => 1,
): { micros: number; plain: number } {
  const sizes = { targetBytes: 2e8, draftBytes: 2e6 };
  const costs = new CostModel(guessCosts(sizes, maxDraft), false, maxDraft);
  const policy = createPolicy("throughput", maxDraft);
  const guessing: Policy = {
    name: "guessing",
    needsDetails: true,
    next: (context) =>
      policy.next({
        ...context,
        prices: costs.prices(100),
        catchUpMicros: costs.catchUpMicros(100),
      }),
    observe: (round) => {
      const factor = slowdown(rounds++);
      const draftMicros = factor * round.draftMicros;
      costs.observe({ ...round, draftMicros, verifyMicros: factor * round.verifyMicros }, 100);
      policy.observe?.(round);
    },
  };
  let rounds = 0;
  const { micros } = walk(on, byPolicy(guessing, truth, maxDraft), truth, maxDraft);
  return { micros: total(micros), plain: tokensOf(on) * truth.verifyMicros[0]! };
}

const dearSecondRow: Prices = {
  draftStepMicros: 200,
  verifyMicros: [12_000, ...Array.from({ length: maxDraft }, (_, i) => 30_000 + 500 * i)],
};
const dearRows: Prices = {
  draftStepMicros: 500,
  verifyMicros: Array.from({ length: maxDraft + 1 }, (_, K) => 6600 * (1 + 0.9 * K)),
};

test.each([
  ["flat prices", flat],
  ["prices with steps", rising],
  ["a dear second row", dearSecondRow],
])("at %s that nobody has measured it is still faster than any fixed length", (_, truth) => {
  const on = replies(40);
  expect(cold(on, truth).micros).toBeLessThan(bestFixedMicros(on, truth));
});

test("stalls, of which the first rounds have some, leave it faster than any fixed length", () => {
  const on = replies(12);
  const fixed = bestFixedMicros(on, rising);
  const ratios = Array.from({ length: 8 }, (_, seed) => {
    const random = uniform(seed);
    const slowdown = (): number => (random() < 0.15 ? 8 : 0.7 + 0.6 * random());
    return cold(on, rising, slowdown).micros / fixed;
  });
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  expect(mean).toBeLessThan(0.995); // 1.007 where one stall alone makes a length dear
});

test("a machine that is now slower and now faster leaves it faster than any fixed length", () => {
  const on = replies(12);
  const fixed = bestFixedMicros(on, rising);
  const ratios = Array.from({ length: 32 }, (_, seed) => {
    const random = uniform(seed);
    let [speed, left] = [1, 0];
    const slowdown = (): number => {
      if (left-- === 0)
        [speed, left] = [[0.7, 1, 1.4][Math.floor(3 * random())]!, Math.floor(30 + 150 * random())];
      return speed * (0.92 + 0.16 * random());
    };
    return cold(on, rising, slowdown).micros / fixed;
  });
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  expect(mean).toBeLessThan(0.992); // 0.996 where lengths out of use keep the price of another speed
});

test.each([
  ["flat prices", flat],
  ["a dear second row", dearSecondRow],
  ["dear rows", dearRows],
])("at %s that nobody has measured a useless draft costs a fiftieth at most", (_, truth) => {
  const { micros, plain } = cold(replies(40, 0.001), truth);
  expect(micros).toBeLessThan(1.02 * plain);
});

test("where no draft pays and nobody has measured, finding out costs a fiftieth at most", () => {
  const { micros, plain } = cold(replies(40), dearRows);
  expect(micros).toBeLessThan(1.02 * plain);
});

test("a draft that cannot pay whatever is accepted is never tried", () => {
  const dear: Prices = { draftStepMicros: 20_000, verifyMicros: [10_000] };
  expect(total(play("throughput", replies(20), dear).drafted)).toBe(0);
});

test.each([
  ["flat prices", flat],
  ["prices with steps", rising],
])("at %s a draft that becomes good is taken up within 200 tokens", (_, prices) => {
  const policy = createPolicy("throughput", maxDraft);
  const on = (some: readonly Reply[]): Walk =>
    walk(some, byPolicy(policy, prices, maxDraft), prices, maxDraft);
  on(replies(40, 0.001));
  const { passes } = on(replies(10));
  // The first two replies have 200 tokens.
  for (const count of passes.slice(2)) expect(count).toBeLessThan(75);
});

test.each([
  ["flat prices", flat],
  ["prices with steps", rising],
])(
  "at %s a draft that becomes good is taken up so after other stretches too, but for 2 of 20",
  (_, prices) => {
    // When trials come is chance: several stretches of useless drafts before.
    const late = Array.from({ length: 20 }, (_, i) => {
      const policy = createPolicy("throughput", maxDraft);
      const on = (some: readonly Reply[]): Walk =>
        walk(some, byPolicy(policy, prices, maxDraft), prices, maxDraft);
      on(replies(20 + i, 0.001));
      const { passes } = on(replies(10));
      for (const count of passes.slice(4)) expect(count).toBeLessThan(75);
      // The first two replies have 200 tokens.
      return passes[2]! >= 75;
    });
    expect(late.filter(Boolean).length).toBeLessThanOrEqual(2);
  },
);

const context: RoundContext = { prices: flat, room: maxDraft, greedy: false, catchUpMicros: 0 };

test("drafts that are given up after their first step are left alone: they come to less than plain decoding", () => {
  const policy = createPolicy("throughput", maxDraft);
  let steps = 0;
  for (let round = 0; round < 400; ++round) {
    const draftSteps = policy.next(context).length > 0 ? 1 : 0;
    steps += draftSteps;
    policy.observe?.({
      ...{ generated: 1, drafted: 0, accepted: 0, draftSteps, draft: [] },
      ...{ stopReason: "gate", draftMicros: 0, verifyMicros: 0, decodeMicros: 0 },
    });
  }
  expect(steps).toBeLessThan(40);
});

test("where there is no room nothing is drafted, and nothing is learned from it", () => {
  const policy = createPolicy("throughput", maxDraft);
  for (let i = 0; i < 300; ++i) {
    expect(policy.next({ ...context, room: 0 })).toEqual({ length: 0 });
    policy.observe?.(plainRound);
  }
  expect(policy.next({ ...context, room: 3 }).survival?.step).toHaveLength(3);
});

const plainRound = {
  generated: 1,
  drafted: 0,
  accepted: 0,
  draftSteps: 0,
  stopReason: "none",
  draftMicros: 0,
  verifyMicros: 10_000,
  decodeMicros: 10_000,
} as const;

test("reading what was generated without the draft is a price of the first step alone", () => {
  const policy = createPolicy("throughput", maxDraft);
  const { survival } = policy.next(context);
  expect(policy.next({ ...context, catchUpMicros: 1e6 })).toEqual({ length: 0 });
  const later = createPolicy("throughput", maxDraft).next({ ...context, catchUpMicros: 100 });
  expect(later.survival?.step.slice(1)).toEqual(survival?.step.slice(1));
});

test("where luck has made its throughput too high, a draft that pays is still drafted", () => {
  const policy = createPolicy("throughput", maxDraft);
  // Each token is accepted with 0.4, but all of them were.
  const token = { id: 1, q: 0.6, mode: 0.6, margin: 0.4, entropy: 1, p: 0.24, acceptance: 0.4 };
  const lucky = {
    ...plainRound,
    generated: maxDraft + 1,
    drafted: maxDraft,
    accepted: maxDraft,
    draftSteps: maxDraft,
    stopReason: "length",
    draft: Array<typeof token>(maxDraft).fill(token),
  } as const;
  let plain = 0;
  let firstStep = 0;
  for (let i = 0; i < 200; ++i) {
    const { length, survival } = policy.next(context);
    policy.observe?.(length > 0 ? lucky : plainRound);
    const forPrice = i === 128 || i === 129; // as rounds before are
    if (i > 65 && !forPrice && length === 0) plain += 1;
    firstStep = survival?.step[0] ?? firstStep;
  }
  // Drafts of two pay: 1.56 tokens in 12 ms are more than one in 10.
  expect(plain).toBe(0);
  // By its throughput a first token would have to be accepted more often than it is.
  expect(firstStep).toBeGreaterThan(0.5);
});

test("where drafts bring little, plain decoding is priced more often", () => {
  // A draft of one that is always accepted: two tokens in `micros`, where plain decoding has one in 10,000.
  const plainRounds = (micros: number): number => {
    const policy = createPolicy("throughput", 1);
    const prices: Prices = { draftStepMicros: 1000, verifyMicros: [10_000, micros - 1000] };
    const token = { id: 1, q: 0.99, mode: 0.99, margin: 0.98, entropy: 0.1, p: 1, acceptance: 1 };
    let plain = 0;
    for (let i = 0; i < 1000; ++i) {
      const drafts = policy.next({ ...context, prices, room: 1 }).length > 0;
      if (i >= 300 && !drafts) plain += 1;
      policy.observe?.(
        drafts
          ? { ...plainRound, generated: 2, drafted: 1, accepted: 1, draftSteps: 1, draft: [token] }
          : plainRound,
      );
    }
    return plain;
  };
  expect(plainRounds(17_500)).toBe(40); // four after every 64 that drafted
  expect(plainRounds(12_000)).toBe(0);
});

test("what temperature 0 shows does not move what is believed above it", () => {
  const policy = createPolicy("throughput", maxDraft);
  const sampled = policy.next(context).survival?.newest;
  const draft = Array.from({ length: 4 }, () => ({
    id: 1,
    q: 0.9,
    mode: 0.9,
    margin: 0.85,
    entropy: 0.5,
    p: 0,
    acceptance: 0,
  }));
  const greedy = policy.next({ ...context, greedy: true }).survival?.newest;
  policy.observe?.({ ...plainRound, drafted: 4, draftSteps: 4, stopReason: "gate", draft });
  for (let i = 0; i < 2; ++i) {
    policy.next({ ...context, greedy: true }); // plain ones, for their price
    policy.observe?.(plainRound);
  }
  expect(policy.next({ ...context, greedy: true }).survival?.newest.bias).toBeLessThan(
    greedy!.bias!,
  );
  for (let i = 0; i < 2; ++i) policy.next(context); // plain ones here, too
  expect(policy.next(context).survival?.newest).toEqual(sampled);
});

test("it tells what it expected: the accepted tokens, its throughput and the prices", () => {
  const on = replies(40);
  const policy = createPolicy("throughput", maxDraft);
  let [expected, accepted, generated, micros] = [0, 0, 0, 0];
  const told = {
    name: "told",
    needsDetails: true,
    next: policy.next.bind(policy),
    observe: (round: Parameters<NonNullable<typeof policy.observe>>[0]) => {
      policy.observe?.(round);
      expected += policy.expectation?.accepted ?? NaN;
      accepted += round.accepted;
      generated += round.generated;
      micros += round.draftMicros + round.verifyMicros;
    },
  };
  walk(on, byPolicy(told, flat, maxDraft), flat, maxDraft);
  // Made rows that follow a rejection are harder than others, which it takes for what they are.
  expect(Math.abs(expected / accepted - 1)).toBeLessThan(0.2);
  expect(policy.expectation?.prices).toBe(flat);
  const lived = (1e6 * generated) / micros;
  expect(Math.abs(policy.expectation!.tokensPerSecond / lived - 1)).toBeLessThan(0.15);
});

test("its throughput is that of its rounds, at the prices of now", () => {
  const pace = new Pace({ tokens: 5, steps: 4, drafted: 4 }, maxDraft);
  for (let i = 0; i < 4000; ++i) pace.observe({ tokens: 3, steps: 5, drafted: 4 });
  expect(pace.tokensPerMicro(flat)).toBeCloseTo(3 / 15_000, 9);
  const slower: Prices = { draftStepMicros: 2000, verifyMicros: [20_000] };
  expect(pace.tokensPerMicro(slower)).toBeCloseTo(3 / 30_000, 9);
});

test("a reply at temperature 0 is replayed as one", () => {
  const { records } = syntheticTrace({ prompts: 1, replyTokens: 20 });
  const at = (temperature: number): boolean =>
    toReply(records[0]!, header({ maxDraft: 20, maxTokens: 20, sampling: { temperature } })).greedy;
  expect([at(0), at(1)]).toEqual([true, false]);
});
