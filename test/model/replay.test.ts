// Replay equals life: what a rule comes to on a trace, and what it comes to in an engine.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Figure, replay, type RuleReport, trace } from "../../lib";
import { drawResamples, figure, resampledSums } from "../../lib/replay/bootstrap";
import { promptSeed } from "../../lib/trace/fingerprint";
import { demoDraft, demoEngine, demoTarget, gsm8k, threads } from "../support/demo";

const maxTokens = 80;
const maxDraftTokens = 8;
const memoryless = ["fixed:4", "confidence:0.5", "cumulative:0.3"];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function replayed(
  rules: readonly string[],
  prompts: readonly string[],
  temperature: number,
): Promise<RuleReport[]> {
  const file = path.join(folder, "prompts.jsonl");
  writeFileSync(file, prompts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(""));
  const { out } = await trace({
    target: { path: demoTarget, threads },
    draft: { path: demoDraft, threads },
    prompts: file,
    out: path.join(folder, `at-${temperature}`),
    ...{ temperature, seed: 7, maxTokens, maxDraftTokens, states: false },
  });
  return (await replay({ trace: out, costs: "1:10", rules })).rules;
}

interface Lived {
  drafted: number;
  passes: number;
  discardRate: Figure;
  verificationRate: Figure;
}

/** seeds: how many texts are generated for each prompt. */
async function lived(
  rule: string,
  prompts: readonly string[],
  temperature: number,
  seeds: number,
): Promise<Lived> {
  await using engine = await demoEngine({ maxDraftTokens });
  const sums = prompts.map(() => ({ generated: 0, passes: 0, discarded: 0, drafted: 0 }));
  for (let round = 0; round < seeds; ++round) {
    for (const [i, sum] of sums.entries()) {
      const { stats } = await engine.generate(prompts[i]!, {
        temperature,
        maxTokens,
        stopRule: rule,
        verifier: "rejection",
        reusePrefix: false, // a trace evaluates prompts whole: other batches round otherwise
        seed: promptSeed(100 + round, i),
      });
      sum.generated += stats.generated;
      sum.passes += stats.targetPasses;
      sum.discarded += stats.discarded;
      sum.drafted += stats.drafted;
    }
  }
  const draws = drawResamples(prompts.length);
  const over = (name: "generated" | "passes" | "discarded" | "drafted"): Float64Array =>
    resampledSums(
      sums.map((sum) => sum[name]),
      draws,
    );
  const [generated, passes, discarded, drafted] = [
    over("generated"),
    over("passes"),
    over("discarded"),
    over("drafted"),
  ];
  const rate = (part: Float64Array): Figure =>
    figure(draws.length, (i) => part[i]! / generated[i]!);
  return {
    drafted: drafted[0]!,
    passes: passes[0]!,
    discardRate: rate(discarded),
    verificationRate: rate(passes),
  };
}

test("at temperature 0 replayed rounds are those of the engine", async () => {
  const prompts = gsm8k.slice(0, 12);
  for (const report of await replayed([...memoryless, "schedule:5"], prompts, 0)) {
    const { drafted, passes } = await lived(report.rule, prompts, 0, 1);
    console.info(
      `${report.rule}: drafted ${report.drafted} in replay, ${drafted} in life; passes ${report.passes}, ${passes}`,
    );
    expect([report.drafted, report.passes]).toEqual([drafted, passes]);
  }
});

// The intervals take prompts as independent. Under a rule that keeps a state from one to the next they
// are not, and vary more than that.
test("at temperature 1 replayed rates are the engine's, within what chance does to both", async () => {
  const prompts = gsm8k.slice(0, 24);
  const seeds = process.env.SPECDECPP_FULL === "1" ? 4 : 1;
  for (const report of await replayed(memoryless, prompts, 1)) {
    const life = await lived(report.rule, prompts, 1, seeds);
    for (const name of ["discardRate", "verificationRate"] as const) {
      const [there, here] = [report[name], life[name]];
      const half = ({ low, high }: Figure): number => (high! - low!) / 2;
      const bound = Math.hypot(half(there), half(here));
      console.info(
        `${report.rule}, ${name}: ${there.value.toFixed(4)} in replay, ${here.value.toFixed(4)} in life, 95 % of the difference ±${bound.toFixed(4)}`,
      );
      expect(Math.abs(there.value - here.value)).toBeLessThan(1.5 * bound); // three standard errors
    }
  }
});
