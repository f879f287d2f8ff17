import type { DraftedToken, RoundContext, RoundInfo } from "../../../lib";
import { createPolicy, grammar, policyKinds } from "../../../lib/policy/policies";

const maxDraft = 16;
const context: RoundContext = {
  prices: { draftStepMicros: 100, verifyMicros: [1000] },
  room: maxDraft,
  greedy: false,
  catchUpMicros: 0,
};

function token(mode: number, acceptance: number): DraftedToken {
  return { id: 1, q: mode, mode, margin: mode, entropy: 0, p: acceptance, acceptance };
}

function round(accepted: number, drafted: number, more: Partial<RoundInfo> = {}): RoundInfo {
  return {
    generated: accepted + 1,
    drafted,
    accepted,
    draftSteps: drafted,
    stopReason: "length",
    draftMicros: 100 * drafted,
    verifyMicros: 1000,
    decodeMicros: 1000,
    ...more,
  };
}

test.each(policyKinds.map((kind) => [grammar(kind), kind.name, kind.parameter?.default] as const))(
  "%s gives a rule within the longest draft",
  (_, name, fallback) => {
    const policy = createPolicy(
      fallback === undefined && name === "fixed" ? "fixed:3" : name,
      maxDraft,
      "full",
    );
    for (let i = 0; i < 50; ++i) {
      const { length } = policy.next(context);
      expect(Number.isInteger(length)).toBe(true);
      expect(length).toBeGreaterThanOrEqual(0);
      expect(length).toBeLessThanOrEqual(maxDraft);
      policy.observe?.(round(1, 2, { draft: [token(0.9, 1), token(0.4, 0.3)] }));
    }
  },
);

test("none does not draft, fixed always as much", () => {
  expect(createPolicy("none", maxDraft).next(context)).toEqual({ length: 0 });
  expect(createPolicy("fixed:7", maxDraft).next(context)).toEqual({ length: 7 });
});

test.each([
  [
    "fixed:65",
    16,
    /1 to 16, but is "65"\. For longer drafts raise maxDraftTokens, to 64 at most\.$/,
  ],
  ["fixed:65", 64, /1 to 64, but is "65"\.$/],
  ["schedule:0", 16, /1 to 16, but is "0"\.$/],
  ["fixed:", 16, /1 to 16, but is ""\.$/],
])("%s with maxDraftTokens %i is refused with what would be accepted", (name, longest, message) => {
  expect(() => createPolicy(name, longest)).toThrow(message);
});

test("the schedule adds two after a full acceptance and takes one after any other", () => {
  const policy = createPolicy("schedule:5", 8);
  const lengths: number[] = [];
  for (const [accepted, drafted] of [
    [5, 5],
    [7, 7],
    [8, 8],
    [3, 8],
    [0, 7],
    [0, 0],
  ] as const) {
    lengths.push(policy.next(context).length);
    policy.observe?.(round(accepted, drafted));
  }
  expect([...lengths, policy.next(context).length]).toEqual([5, 7, 8, 8, 7, 6, 6]);
});

test("the schedule never drafts nothing", () => {
  const policy = createPolicy("schedule:1", 8);
  policy.observe?.(round(0, 1));
  expect(policy.next(context).length).toBe(1);
});

test("confidence compares the draft's largest probability", () => {
  expect(createPolicy("confidence:0.7", maxDraft).next(context)).toEqual({
    length: maxDraft,
    gate: { when: "before-draw", estimate: { logitMode: 1, link: "logistic" }, threshold: 0.7 },
  });
});

test("cumulative compares the product of the drawn tokens' probabilities", () => {
  expect(createPolicy("cumulative:0.2", maxDraft).next(context)).toEqual({
    length: maxDraft,
    gate: {
      when: "after-draw",
      estimate: { logProbability: 1, link: "exponential" },
      over: "product",
      threshold: 0.2,
    },
  });
});

test("the entropy rule compares AdaEDL's bound", () => {
  const { gate } = createPolicy("entropy:0.3", maxDraft).next(context);
  expect(gate).toMatchObject({ when: "before-draw", threshold: 0.3 });
  expect(gate?.estimate.bias).toBe(1);
  expect(gate?.estimate.rootEntropy).toBeCloseTo(-Math.sqrt(0.2), 12);
});

/** What the logistic policy now predicts for a largest probability. */
function prediction(policy: ReturnType<typeof createPolicy>, mode: number): number {
  const { bias = 0, logitMode = 0 } = policy.next(context).gate?.estimate ?? {};
  return 1 / (1 + Math.exp(-(bias + logitMode * Math.log(mode / (1 - mode)))));
}

test("the logistic rule begins with the confidence itself", () => {
  const policy = createPolicy("logistic:0.4", maxDraft);
  expect(policy.next(context).gate).toMatchObject({ over: "product", threshold: 0.6 });
  expect(prediction(policy, 0.8)).toBeCloseTo(0.8, 9);
});

test("the logistic rule learns what verification shows", () => {
  // Acceptance is σ(-1 + 0.5 logit(mode)): a draft that is surer of itself than it should be.
  const truth = (mode: number): number => 1 / (1 + Math.exp(1 - 0.5 * Math.log(mode / (1 - mode))));
  const policy = createPolicy("logistic:0.4", maxDraft);
  for (let i = 0; i < 400; ++i) {
    const modes = [0.3, 0.6, 0.9, 0.99].map((mode) => Math.min(0.995, mode * (1 - 0.1 * (i % 3))));
    policy.observe?.(round(0, 4, { draft: modes.map((mode) => token(mode, truth(mode))) }));
  }
  for (const mode of [0.4, 0.7, 0.9]) expect(prediction(policy, mode)).toBeCloseTo(truth(mode), 1);
});

/** Rounds of a draft that always looks the same; returns how many tokens each drafts. */
function play(
  policy: ReturnType<typeof createPolicy>,
  rounds: number,
  mode: number,
  acceptance: number,
): number[] {
  return Array.from({ length: rounds }, () => {
    const { length, gate } = policy.next(context);
    const estimate = prediction(policy, mode);
    let drafted = gate ? 0 : length;
    while (gate && drafted < length && estimate ** (drafted + 1) >= gate.threshold) drafted += 1;
    policy.observe?.(
      round(0, drafted, {
        stopReason: drafted < length ? "gate" : "length",
        draft: Array.from({ length: drafted }, () => token(mode, acceptance)),
      }),
    );
    return drafted;
  });
}

test("the logistic rule finds out that drafts it takes for bad are good", () => {
  const drafted = play(createPolicy("logistic:0.6", maxDraft), 200, 0.2, 0.8);
  expect(drafted[0]).toBe(0);
  expect(Math.min(...drafted.slice(100))).toBeGreaterThan(0);
});

test("the logistic rule tries one token now and then, less often while it is right to stop", () => {
  const drafted = play(createPolicy("logistic:0.6", maxDraft), 200, 0.2, 0.1);
  const trials = drafted.flatMap((count, i) => (count > 0 ? [i] : []));
  expect(Math.max(...drafted)).toBe(1);
  const waits = trials.map((trial, i) => trial - (trials[i - 1] ?? -1) - 1);
  expect(waits.slice(0, 6)).toEqual([4, 8, 16, 32, 32, 32]);
});

test("the logistic rule is soon to try again after a stretch that it drafted in", () => {
  const policy = createPolicy("logistic:0.6", maxDraft);
  play(policy, 100, 0.2, 0.1);
  play(policy, 1, 0.99, 1);
  expect(play(policy, 5, 0.2, 0.1)).toEqual([0, 0, 0, 0, 1]);
});

test("the logistic rule does not count rounds that had no room for a draft", () => {
  const policy = createPolicy("logistic:0.6", maxDraft);
  for (let i = 0; i < 20; ++i) policy.observe?.(round(0, 0, { stopReason: "room" }));
  expect(policy.next(context).gate).toBeDefined();
});

test("the expected-value rule drafts again when drafts become good", () => {
  const policy = createPolicy("expected", maxDraft);
  const verifyMicros = Array.from({ length: maxDraft + 1 }, (_, K) => 1000 + 100 * K);
  const prices = { draftStepMicros: 100, verifyMicros };
  let acceptance = 0.01;
  const drafted = Array.from({ length: 2000 }, (_, i) => {
    if (i === 500) acceptance = 0.95;
    const { length } = policy.next({ ...context, prices });
    policy.observe?.(
      round(0, length, { draft: Array.from({ length }, () => token(0.5, acceptance)) }),
    );
    return length;
  });
  expect(drafted.slice(400, 500).filter((length) => length > 0).length).toBeLessThan(5);
  expect(drafted.slice(1900).filter((length) => length === 0).length).toBeLessThan(5);
});

/** Rounds with constant acceptance and prices; returns the length chosen in the end. */
function settle(
  acceptance: number,
  draftStepMicros: number,
  verifyMicros: (K: number) => number,
): number {
  const policy = createPolicy("expected", maxDraft);
  const prices = {
    draftStepMicros,
    verifyMicros: Array.from({ length: maxDraft + 1 }, (_, K) => verifyMicros(K)),
  };
  const chosen: number[] = [];
  for (let i = 0; i < 400; ++i) {
    const { length } = policy.next({ ...context, prices });
    chosen.push(length);
    policy.observe?.(
      round(0, length, { draft: Array.from({ length }, () => token(0.5, acceptance)) }),
    );
  }
  return chosen.sort((a, b) => a - b)[200] ?? NaN; // the median: trials of neighbours are few
}

test("the expected-value rule drafts far when drafts are cheap and good, and not at all when bad", () => {
  expect(settle(0.9, 10, () => 1000)).toBeGreaterThan(8);
  expect(settle(0.3, 10, () => 1000)).toBeGreaterThan(0);
  expect(settle(0.02, 500, (K) => 1000 * (K + 1))).toBe(0);
});

test("the expected-value rule finds the best length of a constant acceptance", () => {
  const rate = (K: number): number => {
    const tokens = (1 - 0.8 ** (K + 1)) / (1 - 0.8);
    return tokens / (1000 + 100 * K + 100 * K);
  };
  const best =
    Array.from({ length: maxDraft + 1 }, (_, K) => K).sort((a, b) => rate(b) - rate(a))[0] ?? 0;
  expect(Math.abs(settle(0.8, 100, (K) => 1000 + 100 * K) - best)).toBeLessThanOrEqual(1);
});

test("the expected-value rule follows prices that change", () => {
  const policy = createPolicy("expected", maxDraft);
  const flat = { ...context, prices: { draftStepMicros: 10, verifyMicros: [1000] } };
  const dear = { ...context, prices: { draftStepMicros: 2000, verifyMicros: [1000] } };
  for (let i = 0; i < 10; ++i) policy.next(flat); // past the lengths that it begins with
  expect(policy.next(flat).length).toBeGreaterThan(4);
  expect(policy.next(dear).length).toBe(0);
});

test("head:H stops at a product below 1 - H; a head that lags leaves the newest token unjudged", () => {
  const survivalOf = (kind: "paper" | "full") =>
    createPolicy("head:0.25", 64, kind).next(context).survival!;
  const score = { head: 1, link: "logistic" };
  const certain = { bias: 1 };
  expect(survivalOf("paper")).toMatchObject({ newest: certain, older: score, before: certain });
  expect(survivalOf("full")).toMatchObject({ newest: score, older: score, before: certain });
  // SpecDec++ drafts 20 tokens at most.
  expect(survivalOf("full").step).toEqual(Array(20).fill(0.75));
  expect(createPolicy("head:0.25", 64, "full").next(context).length).toBe(20);
});

test("a rule that asks a head is refused without one", () => {
  expect(() => createPolicy("head:0.5", maxDraft)).toThrow(
    /"head:0\.5" asks an acceptance head, and there is none/,
  );
});
