import { type DraftedToken, type Policy, type RoundContext, SpecdecError } from "../../../lib";
import { continues, draftedTokens, nextRule, submits } from "../../../lib/policy/native-rule";

const maxDraft = 16;
const context: RoundContext = {
  prices: { draftStepMicros: 100, verifyMicros: [1000] },
  room: maxDraft,
  greedy: false,
  catchUpMicros: 0,
};
const drafted = Array<DraftedToken>(3);

function policy(answers: { next?: unknown; continues?: unknown; submits?: unknown }): Policy {
  const { next, ...others } = answers;
  const methods = Object.entries(others).map(([name, value]) => [name, () => value]);
  return { name: "mine", next: () => next, ...Object.fromEntries(methods) } as Policy;
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.code === "ERR_INVALID_ARGUMENT")
      return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

const gate = { when: "before-draw", estimate: { logitMode: 1 }, threshold: 0.5 };

test("a rule is handed over with its defaults", () => {
  expect(nextRule(policy({ next: { length: 99, gate } }), maxDraft, context)).toEqual({
    length: maxDraft,
    gate: new Float64Array([0, 0, 0.5, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
  });
  expect(nextRule(policy({ next: { length: 0, gate: undefined } }), maxDraft, context)).toEqual({
    length: 0,
  });
});

const survival = { newest: {}, before: {}, next: {}, step: [0, 0.5], draw: [0.4, 0.3] };

test("a survival gate is handed over as one row of numbers", () => {
  const estimate = {
    bias: 1,
    logitMode: 2,
    rootEntropy: 3,
    margin: 4,
    logRatio: 5,
    logProbability: 6,
    logOthers: 7,
    head: 8,
    link: "logistic",
  };
  const row = (answer: unknown): number[] =>
    Array.from(nextRule(policy({ next: answer }), maxDraft, context).survival ?? []);
  const none = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 1];
  const thresholds = [0, 0.5, 0.4, 0.3];
  const ends = [...none, ...none, ...thresholds];
  const newest = { ...survival, newest: estimate };
  expect(row({ length: 4, survival: newest })).toEqual([...all, ...all, ...ends]);
  const older = { ...newest, older: { link: "exponential" } };
  expect(row({ length: 4, survival: older })).toEqual([...all, ...none.with(8, 2), ...ends]);
});

test.each<[string, unknown, string]>([
  ["nothing", undefined, "must be an object, but is undefined"],
  ["null", null, "must be an object, but is null"],
  ["a number", 4, "must be an object, but is 4"],
  ["an array", [4], "must be an object, but is [ 4 ]"],
  ["a promise", Promise.resolve({ length: 4 }), "not a promise"],
  ["no length", {}, "length must be a whole number"],
  [
    "a length of another kind",
    { length: "4" },
    'length must be a whole number, 0 or more, but is "4"',
  ],
  [
    "an unknown field",
    { length: 4, gates: gate },
    'there is no field "gates"; there are length, gate',
  ],
  ["null for a gate", { length: 4, gate: null }, "gate must be an object"],
  ["a gate without fields", { length: 4, gate: {} }, "gate.estimate must be an object"],
  [
    "an unknown field of a gate",
    { length: 4, gate: { ...gate, then: 1 } },
    'gate: there is no field "then"',
  ],
  [
    "a gate without when",
    { length: 4, gate: { ...gate, when: undefined } },
    "gate.when must be one of before-draw, after-draw",
  ],
  ["an unknown when", { length: 4, gate: { ...gate, when: "later" } }, "gate.when must be one of"],
  [
    "an unknown over",
    { length: 4, gate: { ...gate, over: "sum" } },
    "gate.over must be one of newest, product",
  ],
  [
    "no threshold",
    { length: 4, gate: { ...gate, threshold: undefined } },
    "gate.threshold must be a finite number",
  ],
  [
    "an unknown link",
    { length: 4, gate: { ...gate, estimate: { link: "tanh" } } },
    "gate.estimate.link must be one of identity, logistic, exponential",
  ],
  [
    "an unknown feature",
    { length: 4, gate: { ...gate, estimate: { entropy: 1 } } },
    'gate.estimate: there is no field "entropy"',
  ],
  [
    "a survival gate without an estimate",
    { length: 4, survival: { ...survival, next: undefined } },
    "survival.next must be an object",
  ],
  [
    "thresholds of another kind",
    { length: 4, survival: { ...survival, step: [0, "1"] } },
    "survival.step must be an array of numbers",
  ],
  [
    "a threshold that is no number",
    { length: 4, survival: { ...survival, draw: [0, NaN] } },
    "survival.draw must be an array of numbers",
  ],
  [
    "fewer thresholds of draws than of steps",
    { length: 4, survival: { ...survival, draw: [0] } },
    "survival.draw must be of the length of step, 2",
  ],
  [
    "a weight of another kind",
    { length: 4, gate: { ...gate, estimate: { margin: "1" } } },
    "gate.estimate.margin must be a finite number",
  ],
])("next() may not return %s", (_, next, reason) => {
  const message = refusal(() => nextRule(policy({ next }), maxDraft, context));
  expect(message).toContain('next() of the policy "mine"');
  expect(message).toContain(reason);
});

test.each([undefined, null, 1, "yes", Promise.resolve(true)])(
  "continues() may not return %p",
  (value) => {
    expect(refusal(() => continues(policy({ continues: value }), drafted))).toContain(
      'continues() of the policy "mine"',
    );
  },
);

test.each([undefined, NaN, 1.5, -1, 4, "2", Promise.resolve(2)])(
  "submits() may not return %p of 3",
  (value) => {
    expect(refusal(() => submits(policy({ submits: value }), drafted))).toContain(
      'submits() of the policy "mine"',
    );
  },
);

test("without opinions a policy goes on, and has all verified", () => {
  expect(continues(policy({}), drafted)).toBe(true);
  expect(submits(policy({}), drafted)).toBe(3);
  expect(continues(policy({ continues: false }), drafted)).toBe(false);
  expect(submits(policy({ submits: 0 }), drafted)).toBe(0);
});

test("drafted tokens have what a head says of them, if one says anything", () => {
  const known = [5, 0.5, 0.6, 0.3, 1.2, 0.4, 0.8];
  const [first, second] = draftedTokens(
    Float64Array.from([...known, 1, 2, 3, ...known, NaN, NaN, NaN]),
  );
  const token = { id: 5, q: 0.5, mode: 0.6, margin: 0.3, entropy: 1.2, p: 0.4, acceptance: 0.8 };
  expect(first).toEqual({ ...token, head: { older: 1, before: 2, newest: 3 } });
  expect(second).toEqual(token);
});

test("a promise that is refused and fails does not end the process", async () => {
  const next = Promise.reject(new Error("planted"));
  expect(refusal(() => nextRule(policy({ next }), maxDraft, context))).toContain("not a promise");
  await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail this test
});
