import type { DraftedToken, Engine, Policy, RoundInfo } from "../../lib";
import { verifierNames } from "../../lib/options";
import { policyKinds } from "../../lib/policy/policies";
import { demoEngine, gsm8k, plainEngine, prompt } from "../support/demo";
import { rejection } from "../support/expect-error";

const withoutHead = policyKinds.filter(({ needsHead }) => !needsHead);
const rules = withoutHead.map((kind) => (kind.name === "fixed" ? "fixed:5" : kind.name));
const verifiers = verifierNames.filter((name) => name !== "greedy");
const some = gsm8k.slice(0, 4);
const maxTokens = 80;

let engine: Engine;
let plain: Engine;
let plainTokens: number[][];

beforeAll(async () => {
  engine = await demoEngine();
  plain = await plainEngine();
  plainTokens = [];
  for (const text of some) plainTokens.push((await plain.generate(text, { maxTokens })).tokens);
});

afterAll(async () => {
  await engine.dispose();
  await plain.dispose();
});

test.each(rules)(
  "%s: at temperature 0 the text is the target's, under every verifier",
  async (stopRule) => {
    for (const [i, text] of some.entries()) {
      for (const verifier of verifierNames) {
        const options = { maxTokens, stopRule, verifier, temperature: 0 };
        expect((await engine.generate(text, options)).tokens).toEqual(plainTokens[i]);
      }
    }
  },
);

test.each(verifiers)(
  "%s: every rule keeps the paper's identity and gives whole figures",
  async (verifier) => {
    for (const stopRule of rules) {
      const { stats } = await engine.generate(prompt, {
        temperature: 1,
        seed: 1,
        stopRule,
        verifier,
      });
      expect(stats.drafted + stats.targetPasses).toBe(stats.generated + stats.discarded);
      const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
      expect(sum(stats.draftLengths)).toBe(stats.targetPasses);
      expect(sum(Object.values(stats.stopReasons))).toBe(stats.targetPasses);
      expect(sum(stats.acceptanceByPosition.map(({ drafted }) => drafted))).toBe(stats.drafted);
      expect(sum(stats.acceptanceByPosition.map(({ accepted }) => accepted))).toBe(stats.accepted);
      expect(stats.decodeMillis).toBeLessThanOrEqual(stats.draftMillis + stats.verifyMillis);
    }
  },
);

test("a rule that looks at the draft stops for what it sees", async () => {
  const { stats } = await engine.generate(prompt, { stopRule: "confidence:0.5" });
  expect(stats.stopReasons.gate).toBeGreaterThan(0);
  expect(stats.draftLengths.filter((rounds) => rounds > 0).length).toBeGreaterThan(1);
});

test("details tell what each round drafted", async () => {
  const { rounds = [], stats } = await engine.generate(prompt, {
    temperature: 1,
    seed: 2,
    stopRule: "fixed:4",
    verifier: "rejection",
    details: true,
  });
  expect(rounds).toHaveLength(stats.targetPasses);
  for (const { draft = [], drafted } of rounds) {
    expect(draft).toHaveLength(drafted);
    for (const { q, p, mode, margin, entropy, acceptance } of draft) {
      for (const share of [q, p, mode, margin, acceptance]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1 + 1e-9);
      }
      expect(q).toBeLessThanOrEqual(mode + 1e-9);
      expect(acceptance).toBeCloseTo(Math.min(1, p / q), 9);
      expect(entropy).toBeGreaterThanOrEqual(0);
    }
  }
});

describe("a policy of one's own", () => {
  test("decides before each round and sees what came of it", async () => {
    const seen: RoundInfo[] = [];
    const lengths = [1, 3, 0, 2];
    let i = 0;
    const policy: Policy = {
      name: "mine",
      next: () => ({ length: lengths[i++ % lengths.length] ?? 0 }),
      observe: (round) => seen.push(round),
    };
    const { stats, text } = await engine.generate(prompt, { stopRule: policy });
    expect(text).toBe((await plain.generate(prompt)).text);
    expect(seen).toHaveLength(stats.targetPasses);
    expect(seen.slice(0, 4).map(({ drafted }) => drafted)).toEqual(lengths);
  });

  test("can be asked after every token, and the text stays the target's", async () => {
    const asked: number[] = [];
    const policy: Policy = {
      name: "until unlikely",
      next: () => ({ length: 8 }),
      continues: (draft) => {
        asked.push(draft.length);
        return (draft.at(-1)?.q ?? 0) > 0.5;
      },
    };
    const options = { temperature: 1, seed: 9, verifier: "coupled" } as const;
    const { text, stats } = await engine.generate(prompt, { ...options, stopRule: policy });
    expect(text).toBe((await plain.generate(prompt, options)).text);
    expect(Math.max(...asked)).toBeGreaterThan(1);
    expect(stats.drafted).toBeGreaterThan(stats.targetPasses);
  });

  // Drops the newest token when it turned out to be unlikely: what a rule must not do.
  const dropping: Policy = {
    name: "dropping",
    next: () => ({ length: 4 }),
    submits: (draft: readonly DraftedToken[]) =>
      (draft.at(-1)?.q ?? 1) < 0.5 ? draft.length - 1 : draft.length,
  };

  test.each(["rejection", "block"] as const)(
    "cannot drop a drafted token under %s",
    async (verifier) => {
      const error = await rejection(
        engine.generate(prompt, { temperature: 1, seed: 1, verifier, stopRule: dropping }),
        "ERR_BIASED_RULE",
      );
      expect(error.message).toMatch(/biases/);
      expect(error.partial?.finishReason).toBe("error");
      expect((await engine.generate(prompt)).text).toBe((await plain.generate(prompt)).text);
    },
  );

  test("can drop one where the target draws alone", async () => {
    const options = { temperature: 1, seed: 4, verifier: "coupled" } as const;
    const { text } = await engine.generate(prompt, { ...options, stopRule: dropping });
    expect(text).toBe((await plain.generate(prompt, options)).text);
    expect((await engine.generate(prompt, { stopRule: dropping })).text).toBe(
      (await plain.generate(prompt)).text,
    );
  });

  test.each([
    { length: -1 },
    { length: NaN },
    { length: 1.5 },
    { length: 2, gate: { when: "before-draw", estimate: { bias: NaN }, threshold: 0 } },
    { length: 2, gate: { when: "before-draw", estimate: {}, threshold: Infinity } },
  ] as const)("that gives %j is refused, by its name", async (rule) => {
    const policy: Policy = { name: "mine", next: () => rule };
    const error = await rejection(
      engine.generate(prompt, { stopRule: policy }),
      "ERR_INVALID_ARGUMENT",
    );
    expect(error.message).toContain('"mine"');
  });

  test.each([
    ["a promise from next()", { next: async () => Promise.resolve({ length: 2 }) }],
    ["a count that is none from submits()", { submits: () => NaN }],
    ["nothing from continues()", { continues: () => undefined }],
  ])("that gives %s is refused, and the engine goes on", async (_, methods) => {
    const stopRule = { name: "mine", next: () => ({ length: 2 }), ...methods } as unknown as Policy;
    const error = await rejection(
      engine.generate(prompt, { stopRule, temperature: 1, verifier: "coupled" }),
      "ERR_INVALID_ARGUMENT",
    );
    expect(error.message).toContain('"mine"');
    expect(error.partial?.finishReason).toBe("error");
    expect((await engine.generate(prompt)).text).toBe((await plain.generate(prompt)).text);
  });

  test("that throws ends the generation with its own error, and the engine goes on", async () => {
    const policy: Policy = {
      name: "mine",
      next: () => {
        throw new RangeError("planted");
      },
    };
    await expect(engine.generate(prompt, { stopRule: policy })).rejects.toMatchObject({
      message: "planted",
      partial: { finishReason: "error" },
    });
    expect((await engine.generate(prompt)).text).toBe((await plain.generate(prompt)).text);
  });
});
