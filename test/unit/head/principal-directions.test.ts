import { principalDirections, projectOn } from "../../../lib/head/principal-directions";
import { scalarsOf } from "../../../lib/head/token-table";
import { uniform } from "../../../lib/random";

test("directions are those in which points differ most, and orthonormal", () => {
  const random = uniform(2);
  const spread = [0.1, 5, 0.2, 2, 0.1]; // along the axes
  const points = Float32Array.from(
    { length: 5 * 4000 },
    (_, i) => spread[i % 5]! * (random() - 0.5),
  );
  const directions = principalDirections(points, 5, 2, uniform(3));
  const [first, second] = [directions.subarray(0, 5), directions.subarray(5)];
  expect(Math.abs(first[1]!)).toBeGreaterThan(0.99);
  expect(Math.abs(second[3]!)).toBeGreaterThan(0.99);
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((s, x, i) => s + x * b[i]!, 0);
  expect(dot(first, first)).toBeCloseTo(1, 12);
  expect(dot(first, second)).toBeCloseTo(0, 12);
  const along = new Float64Array(2);
  projectOn(directions, [0, 1, 0, 0, 0], along);
  expect(along[0]).toBe(first[1]);
});

test("a direction that there is not is zero", () => {
  const points = Float32Array.from([1, 0, -1, 0, 2, 0, -2, 0]); // on a line
  const directions = principalDirections(points, 2, 2, uniform(1));
  expect(Math.abs(directions[0]!)).toBeCloseTo(1, 12);
  expect(Array.from(directions.subarray(2))).toEqual([0, 0]);
});

test("a head's scalars are taken by name, and by the table's row of the drawn token", () => {
  const known = ["a", "b"];
  const scalars = Float32Array.from([1, 2, 3, 4]);
  const table = Float32Array.from([10, 11, 20, 21, 30, 31]);
  const columns = ["b", "drawn.token.0", "drawn.token.1"];
  const result = scalarsOf(columns, table, known, scalars, Int32Array.from([2, 0]));
  expect(Array.from(result)).toEqual([2, 30, 31, 4, 10, 11]);
});
