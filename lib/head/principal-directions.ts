// The directions in which points differ most, by orthogonal iteration: a random space is multiplied by the
// covariance a few times, which turns it towards them.

const iterations = 8;

/** points: [n][d], centred. Gives `rank` orthonormal vectors, [rank][d]. */
export function principalDirections(
  points: Float32Array,
  d: number,
  rank: number,
  random: () => number,
): Float64Array {
  let directions = orthonormal(
    Float64Array.from({ length: rank * d }, () => random() - 0.5),
    d,
  );
  for (let i = 0; i < iterations; ++i) {
    const next = new Float64Array(rank * d);
    const along = new Float64Array(rank);
    for (let from = 0; from < points.length; from += d) {
      const point = points.subarray(from, from + d);
      projectOn(directions, point, along);
      for (let r = 0; r < rank; ++r) {
        const weight = along[r] ?? 0;
        for (let j = 0; j < d; ++j)
          next[r * d + j] = (next[r * d + j] ?? 0) + weight * (point[j] ?? 0);
      }
    }
    directions = orthonormal(next, d);
  }
  return directions;
}

/** The coordinates of a point along directions [rank][d]. */
export function projectOn(
  directions: Float64Array,
  point: ArrayLike<number>,
  along: Float64Array | Float32Array,
): void {
  const d = point.length;
  for (let r = 0; r < along.length; ++r) {
    let sum = 0;
    for (let j = 0; j < d; ++j) sum += (directions[r * d + j] ?? 0) * (point[j] ?? 0);
    along[r] = sum;
  }
}

/** By Gram and Schmidt, each vector twice against rounding; one that depends on those before becomes 0. */
function orthonormal(vectors: Float64Array, d: number): Float64Array {
  for (let at = 0; at < vectors.length; at += d) {
    const vector = vectors.subarray(at, at + d);
    const before = norm(vector);
    for (let pass = 0; pass < 2; ++pass) {
      for (let other = 0; other < at; other += d) {
        let dot = 0;
        for (let j = 0; j < d; ++j) dot += (vector[j] ?? 0) * (vectors[other + j] ?? 0);
        for (let j = 0; j < d; ++j) {
          vector[j] = (vector[j] ?? 0) - dot * (vectors[other + j] ?? 0);
        }
      }
    }
    const length = norm(vector);
    const scale = length > 1e-9 * before ? 1 / length : 0;
    for (let j = 0; j < d; ++j) vector[j] = (vector[j] ?? 0) * scale;
  }
  return vectors;
}

function norm(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, each) => sum + each * each, 0));
}
