import { fitLogistic, logisticOf } from "../../../lib/head/logistic-regression";

test("at the fit, errors are orthogonal to every column", () => {
  const n = 200;
  const rows = new Float64Array(n * 3);
  const labels = new Float64Array(n);
  for (let i = 0; i < n; ++i) {
    rows.set([1, Math.sin(i), 100 * Math.cos(3 * i)], 3 * i); // of different scales
    labels[i] = (i % 5) / 5;
  }
  const fitted = logisticOf(rows, fitLogistic(rows, labels, [0, 0, 0]));
  for (let j = 0; j < 3; ++j) {
    const gradient = fitted.reduce((sum, p, i) => sum + (labels[i]! - p) * rows[3 * i + j]!, 0);
    expect(Math.abs(gradient)).toBeLessThan(1e-6);
  }
});

test("a penalty keeps labels that a line parts from infinite coefficients", () => {
  const rows = Float64Array.from([-2, -1, 1, 2]);
  const [slope] = fitLogistic(rows, [0, 0, 1, 1], [1]);
  // The minimum of 2 ln(1 + e^-b) + 2 ln(1 + e^-2b) + b²/2.
  const derivative = (b: number): number => -2 / (1 + Math.exp(b)) - 4 / (1 + Math.exp(2 * b)) + b;
  expect(derivative(slope!)).toBeCloseTo(0, 9);
});

test("columns that say the same do not break it", () => {
  const rows = Float64Array.from([1, 1, 1, 1, 1, 1, 1, 1]);
  expect(logisticOf(rows, fitLogistic(rows, [0, 1, 1, 1], [0, 0]))[0]).toBeCloseTo(0.75, 6);
});
