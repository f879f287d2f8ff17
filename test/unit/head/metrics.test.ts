import { Scored } from "../../../lib/head/metrics";

// Worked by hand: hard labels 1, 0, 1 and a soft one, 0.5.
const predicted = [0.9, 0.6, 0.6, 0.2];
const labels = [1, 0, 1, 0.5];

test("loss, KL and Brier are means over examples", () => {
  const { loss, kl, brier, accepted, examples } = new Scored(predicted, labels).metrics();
  const sum =
    -Math.log(0.9) - Math.log(0.4) - Math.log(0.6) - 0.5 * (Math.log(0.2) + Math.log(0.8));
  expect(loss).toBeCloseTo(sum / 4, 12);
  expect(kl).toBeCloseTo((sum - Math.log(2)) / 4, 12); // the coin's entropy is ln 2, the others' 0
  expect(brier).toBeCloseTo((0.01 + 0.36 + 0.16 + 0.09) / 4, 12);
  expect([accepted, examples]).toEqual([2.5 / 4, 4]);
});

test("AUC counts a soft label on both sides, and ties half", () => {
  // Accepted: 1 at 0.9, 1 at 0.6, 0.5 at 0.2. Rejected: 1 at 0.6, 0.5 at 0.2.
  const pairs = 1 + 0.5 + (0.5 + 0.5) + 0.5 * (0 + 0.25);
  expect(new Scored(predicted, labels).metrics().auc).toBeCloseTo(pairs / (2.5 * 1.5), 12);
});

test("AUC is 1 for a perfect order, 0 for the reverse, a half for none", () => {
  const auc = (p: number[]): number => new Scored(p, [1, 1, 0, 0]).metrics().auc;
  expect([auc([4, 3, 2, 1]), auc([1, 2, 3, 4]), auc([1, 1, 1, 1])]).toEqual([1, 0, 0.5]);
});

test("ECE is the mean distance of bins from the diagonal", () => {
  // Bins of 1/15: 0.9 alone, the two of 0.6 together, 0.2 alone.
  const ece = (0.1 + 2 * 0.1 + 0.3) / 4;
  expect(new Scored(predicted, labels).metrics().ece).toBeCloseTo(ece, 12);
});

test("weights count examples as often as they say", () => {
  const twice = new Scored([...predicted, 0.6], [...labels, 0]).metrics();
  const weighted = new Scored(predicted, labels).metrics([1, 2, 1, 1]);
  for (const [name, value] of Object.entries(twice) as [keyof typeof twice, number][]) {
    expect(weighted[name]).toBeCloseTo(value, 12);
  }
});

test("a prediction of exactly 0 or 1 costs much, not without end", () => {
  expect(new Scored([0, 1], [1, 0]).metrics().loss).toBeCloseTo(-Math.log(1e-7), 6);
});
