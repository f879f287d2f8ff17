// What the models of a benchmark cost, measured beside it: t_d and V(K).

import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { draftFileOf, targetFile } from "./setting.mjs";

const { calibrate } = createRequire(import.meta.url)("..");

/**
 * Notes the prices of each target in the record. No engine of a trial sees them.
 * @param {import("./record.mjs").Record} record
 * @param {import("./setting.mjs").TargetName[]} ratios
 * @param {{ draft: "demo" | "random", threads: number, quick: boolean }} options
 */
export async function measurePrices(record, ratios, { draft, threads, quick }) {
  const cache = mkdtempSync(path.join(os.tmpdir(), "specdecpp-bench-"));
  process.env.XDG_CACHE_HOME = cache;
  process.env.LOCALAPPDATA = cache;
  try {
    for (const ratio of ratios) {
      process.stderr.write(`prices of ${ratio}\n`);
      const calibration = await calibrate({
        target: { path: await targetFile(ratio), threads },
        draft: { path: draftFileOf(draft), threads },
        seconds: quick ? 3 : 20,
        force: true,
      });
      record.note({ prices: { ratio, draft, threads, ...calibration } });
    }
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
