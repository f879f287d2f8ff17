import { advise, reportSpeeds, type RuleSpeed } from "../../../lib/bench/report";

const speed = (rule: string, value: number, low?: number, high?: number): RuleSpeed => ({
  rule,
  tokensPerSecond: { value: 100 * value },
  speedup: { value, ...(low !== undefined && high !== undefined && { low, high }) },
  tokensPerPass: 1,
  meanDraft: 0,
});
const plain = speed("none", 1, 1, 1);

test("a run's figures are those of all its texts together", () => {
  const texts = (...millis: number[]) => millis.map((each) => ({ generated: 30, millis: each }));
  const [none, fixed] = reportSpeeds([
    { rule: "none", texts: texts(300, 500), targetPasses: 60, drafted: 0, accepted: 0 },
    { rule: "fixed:2", texts: texts(100, 300), targetPasses: 20, drafted: 40, accepted: 30 },
  ]);
  expect(none).toMatchObject({ tokensPerPass: 1, meanDraft: 0, speedup: { value: 1 } });
  expect(none).not.toHaveProperty("acceptanceRate");
  expect(fixed).toMatchObject({ tokensPerPass: 3, meanDraft: 2, acceptanceRate: 0.75 });
  expect(fixed?.speedup.value).toBeCloseTo(2);
  expect(fixed?.tokensPerSecond.value).toBeCloseTo(150);
});

test.each([
  [
    "slower for sure",
    [plain, speed("fixed:4", 0.8, 0.7, 0.9)],
    /^Do without this draft: .* fixed:4, has 0\.80 \(0\.70 to 0\.90\) times/,
  ],
  [
    "unclear",
    [plain, speed("fixed:4", 1.1, 0.9, 1.3)],
    /^This draft makes no clear difference: .* 1\.10 .* --seconds narrows/,
  ],
  [
    "another rule is clearly better",
    [plain, speed("fixed:4", 1.2, 1.1, 1.3), speed("expected", 1.5, 1.4, 1.6)],
    /^Use this draft, with --stop expected: it has 1\.50 /,
  ],
  [
    "the default is as good",
    [plain, speed("fixed:4", 1.45, 1.3, 1.6), speed("expected", 1.5, 1.4, 1.6)],
    /^Use this draft, with the default rule: fixed:4 has 1\.45 .* expected, is not clearly faster/,
  ],
  [
    "the default is best",
    [plain, speed("fixed:4", 1.5, 1.4, 1.6)],
    /^Use this draft, with the default rule: it has 1\.50 /,
  ],
])("the advice is one sentence: %s", (_, speeds, sentence) => {
  const advice = advise(speeds, 5, "fixed:4");
  expect(advice).toMatch(sentence);
  expect(advice).toMatch(/[^.]\.$/);
  expect(advice.split(/\. /)).toHaveLength(1);
});

test.each([
  [0.02, /; of the drafted tokens 2 % at most are accepted, so try a draft of the same family/],
  [0.9, /; drafts are accepted \(90 % at most\), but cost too much .* specdecpp fit/],
])("a draft that does not pay is told with the cause, at an acceptance of %d", (rate, cause) => {
  const slow = { ...speed("fixed:4", 0.8, 0.7, 0.9), acceptanceRate: rate };
  expect(advise([plain, slow], 5, "fixed:4")).toMatch(cause);
});

test("fewer than five texts of each rule are too few for an advice", () => {
  const speeds = [plain, speed("fixed:4", 1.5, 1.4, 1.6)];
  expect(advise(speeds, 4, "fixed:4")).toMatch(/^So few texts say too little: .* --seconds\.$/);
});
