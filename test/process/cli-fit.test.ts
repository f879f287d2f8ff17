import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Expectation } from "../../lib/fit/expectation";
import { cli, draft, json, target } from "./cli";

interface Fit {
  fits: boolean;
  reasons: string[];
  memory: { place: string; neededBytes: number; freeBytes: number }[];
  expectation?: Expectation;
  advice?: string;
}

const onCpu = ["--gpu-layers", "0", "--threads", "1"];

test("fit measures a pair that fits, and advises", () => {
  const result = cli(["fit", target, draft, ...onCpu, "--seconds", "2", "--json"]);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  const { fits, reasons, memory, expectation, advice } = json<Fit>(result);
  expect({ fits, reasons }).toEqual({ fits: true, reasons: [] });
  expect(memory).toEqual([expect.objectContaining({ place: "the processor" })]);
  const lengths = expectation?.lengths ?? [];
  expect(lengths.map(({ K }) => K)).toEqual(Array.from({ length: 17 }, (_, K) => K));
  // A plain token costs a pass.
  const [plain] = lengths;
  expect(plain?.speedup.value).toBe(1);
  expect((plain?.tokensPerSecond ?? NaN) * (plain?.verifyMicros ?? NaN)).toBeCloseTo(1e6, 3);
  for (const { acceptance = NaN } of lengths.slice(1)) {
    expect(acceptance).toBeGreaterThan(0);
    expect(acceptance).toBeLessThanOrEqual(1);
  }
  const fastest = Math.max(...lengths.map(({ tokensPerSecond }) => tokensPerSecond));
  expect(lengths[expectation?.bestK ?? -1]?.tokensPerSecond).toBe(fastest);
  expect(advice).toMatch(/^(Use the draft with --stop fixed:\d+|Decode plainly)/);
});

test("what does not fit is told with the reasons and exit code 1, and not measured", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  try {
    const cut = path.join(folder, "cut.gguf");
    writeFileSync(cut, readFileSync(draft).subarray(0, 900_000));
    const result = cli(["fit", target, cut, ...onCpu, "--context-size", "1000000000"]);
    expect(result.status).toBe(1);
    expect(result.stdout).toMatch(
      /^They do not fit.*\n {2}.*cut\.gguf is not complete: .* missing/,
    );
    expect(result.stdout).toMatch(/ {2}they need at least .* of memory on the processor, where/);
    expect(result.stdout).not.toContain("tokens/s");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a time that is none is wrong usage", () => {
  expect(cli(["fit", target, draft, "--seconds", "1"]).status).toBe(2);
});
