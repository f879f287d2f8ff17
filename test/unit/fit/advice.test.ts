import { advise } from "../../../lib/fit/advice";
import type { Expectation, LengthExpectation } from "../../../lib/fit/expectation";

/** Plain decoding at 10 ms a pass, and drafts of 1 and 4 tokens. */
function expectation(
  draftStepMicros: number,
  one: Partial<LengthExpectation>,
  four: Partial<LengthExpectation>,
): Expectation {
  const base = { tokensPerSecond: 100, speedup: { value: 1 }, verifyMicros: 10_000 };
  const lengths = [
    { ...base, K: 0 },
    { ...base, K: 1, acceptance: 0.8, ...one },
    { ...base, K: 4, acceptance: 0.6, ...four },
  ];
  const best = lengths.reduce((a, b) => (b.speedup.value > a.speedup.value ? b : a));
  return { prompts: 6, tokens: 300, draftStepMicros, lengths, bestK: best.K };
}

test("a draft that pays is advised with its length", () => {
  const pays = expectation(500, {}, { speedup: { value: 1.8, low: 1.5, high: 2.1 } });
  expect(advise(pays)).toMatch(/--stop fixed:4, .* about 1\.80 times/);
  expect(advise(pays)).not.toContain("interval");
});

test("a speedup that may be none is told as such", () => {
  const unsure = expectation(500, {}, { speedup: { value: 1.2, low: 0.9, high: 1.5 } });
  expect(advise(unsure)).toContain("reaches below 1");
});

test.each([
  ["a dear draft", expectation(5_000, {}, {}), /a draft step costs 50 % of a pass/],
  ["dear verification", expectation(500, {}, { verifyMicros: 30_000 }), /costs 3\.0 passes/],
  ["little acceptance", expectation(500, { acceptance: 0.3 }, {}), /only 30 % of first drafted/],
])("%s is named as the reason where no draft pays", (_, given, reason) => {
  expect(advise(given)).toMatch(/^Decode plainly/);
  expect(advise(given)).toMatch(reason);
});
