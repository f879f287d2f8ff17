import { execFileSync } from "node:child_process";
import path from "node:path";
import { root } from "./child";

test("bench:trace ends with the ratio of collecting to generating the same replies, and its interval", () => {
  const args = ["--seconds", "0", "--count", "1", "--max-tokens", "6", "--target", "demo"];
  const output = execFileSync(process.execPath, [path.join(root, "bench", "trace.mjs"), ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 60_000,
  });
  const [head, ...figures] = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(head).toMatchObject({ target: "demo", turns: 5, verifier: "block" });
  expect(figures.map(({ states }) => states)).toEqual([true, false]);
  for (const { ratio, ratioInterval } of figures) {
    const [low, high] = ratioInterval as [number, number];
    expect(low).toBeGreaterThan(0);
    expect(low).toBeLessThanOrEqual(ratio as number);
    expect(high).toBeGreaterThanOrEqual(ratio as number);
  }
});
