// The coupled verifier's noise, worked out a second time (native/engine/coupling.cpp).

const bits = (1n << 64n) - 1n;

/** SplitMix64: the number after `state`. */
function mixed(state: bigint): bigint {
  let z = (state + 0x9e3779b97f4a7c15n) & bits;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & bits;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & bits;
  return z ^ (z >> 31n);
}

/** The Gumbel noise g(seed, position, token). */
export function gumbel(seed: number, position: number, token: number): number {
  const key = mixed((mixed(BigInt(seed)) + BigInt(position)) & bits);
  const u = (Number(mixed((key + BigInt(token)) & bits) >> 12n) + 0.5) * 2 ** -52;
  return -Math.log(-Math.log(u));
}
