import { drawResamples, figure, resampledSums } from "../../../lib/replay/bootstrap";
import { randomOf } from "./traces";

const quotient = (
  above: readonly number[],
  below: readonly number[],
): ReturnType<typeof figure> => {
  const draws = drawResamples(above.length);
  const [a, b] = [resampledSums(above, draws), resampledSums(below, draws)];
  return figure(draws.length, (i) => a[i]! / b[i]!);
};

test("each resample has as many prompts as there are", () => {
  const draws = drawResamples(17);
  expect(draws).toHaveLength(1000);
  for (const counts of draws) expect(counts.reduce((sum, count) => sum + count, 0)).toBe(17);
});

test("the interval of a mean is that of its standard error", () => {
  const random = randomOf(3);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const values = Array.from({ length: 400 }, () => 5 + 2 * normal());
  const mean = values.reduce((sum, value) => sum + value, 0) / 400;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400;
  const halfWidth = 1.96 * Math.sqrt(variance / 400);
  const { value, low, high } = quotient(
    values,
    values.map(() => 1),
  );
  expect(value).toBeCloseTo(mean, 12);
  // The ends themselves are estimates from 1000 resamples: within a tenth of the half-width or so.
  expect(Math.abs(mean - low! - halfWidth)).toBeLessThan(0.15 * halfWidth);
  expect(Math.abs(high! - mean - halfWidth)).toBeLessThan(0.15 * halfWidth);
});

test("what two sums share cancels: a constant quotient has no width", () => {
  const below = Array.from({ length: 50 }, (_, i) => 1 + (i % 7));
  const { value, low, high } = quotient(
    below.map((each) => 3 * each),
    below,
  );
  expect([value, low, high]).toEqual([3, 3, 3]);
});

test("one prompt has no interval", () => {
  expect(quotient([6], [2])).toEqual({ value: 3 });
});

test("resamples repeat", () => {
  expect(drawResamples(5)).toEqual(drawResamples(5));
});
