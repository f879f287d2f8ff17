import { bucketOf, calibrated, fitCalibration } from "../../../lib/head/calibration";
import { sigmoid } from "../../../lib/log-odds";
import { survivalOf } from "../../../lib/head/survival";
import { uniform } from "../../../lib/random";

test("positions fall into 1, 2, 3, 4, 5–6, 7–8, 9–12, 13 and more", () => {
  const buckets = Array.from({ length: 20 }, (_, i) => bucketOf(i + 1));
  expect(buckets).toEqual([0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7]);
});

test("slope and biases by position are found again", () => {
  const random = uniform(5);
  const slope = 0.7;
  const bias = [0.5, -0.5, 0.2, 0, 0.1, -0.3, 0.4, -0.1];
  const positions = Array.from({ length: 40_000 }, (_, i) => 1 + (i % 20));
  const logits = positions.map(() => 6 * random() - 3);
  const probability = (i: number): number =>
    sigmoid(slope * logits[i]! + bias[bucketOf(positions[i]!)]!);
  const labels = positions.map((_, i) => probability(i)); // soft
  const found = fitCalibration(logits, labels, positions);
  expect(found.slope).toBeCloseTo(slope, 2);
  found.bias.forEach((each, bucket) => {
    expect(Math.abs(each - bias[bucket]!)).toBeLessThan(0.02);
  });
  expect(sigmoid(calibrated(found, logits[7]!, positions[7]!))).toBeCloseTo(probability(7), 2);
});

test("a bucket without examples has the bias of all", () => {
  const logits = Array.from({ length: 400 }, (_, i) => (i % 9) - 4);
  const labels = logits.map((x) => sigmoid(x + 1));
  const { bias } = fitCalibration(
    logits,
    labels,
    logits.map(() => 3),
  );
  expect(bias[0]).toBeGreaterThan(0.8);
  expect(bias[0]).toBe(bias[7]);
});

test("a draft's survival is the product of its acceptances, or block verification's", () => {
  const examples = {
    position: Uint8Array.from([0, 1, 2, 0]),
    ratio: Float32Array.from([0.5, 1.5, 0.5, 2]),
  } as unknown as Parameters<typeof survivalOf>[1];
  const indices = Int32Array.from([0, 1, 2, 3]);
  const older = [NaN, 0.6, 0.8, NaN];
  const newest = [0.5, 0.9, 0.7, 0.4];
  const of = (verifier: "rejection" | "block"): number[][] => {
    const { predicted, labels, positions } = survivalOf(verifier, examples, indices, older, newest);
    return [[...predicted], [...labels], [...positions]];
  };
  const predicted = [0.5, 0.6 * 0.9, 0.6 * 0.8 * 0.7, 0.4];
  const [product, survival, positions] = of("rejection");
  product!.forEach((each, i) => {
    expect(each).toBeCloseTo(predicted[i]!, 12);
  });
  expect(survival).toEqual([0.5, 0.5, 0.25, 1]);
  expect(positions).toEqual([1, 2, 3, 1]);
  expect(of("block")[1]).toEqual([0.5, 0.75, 0.375, 1]);
});
