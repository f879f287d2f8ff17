// What has to be seen on a machine with a GPU: that models run there, that texts are the target's, what
// passes cost, and how fast pairs are. Findings are one JSON object. Run by scripts/bench-cuda.sh.
// Usage: node bench/cuda.mjs --out FOLDER [--cpu] [--seconds N]
// --cpu: the same on the processor and with small models, to see that this script works

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { writeRandomModel } from "../scripts/random-model.mjs";
import { flag, number, parseOptions, string } from "./options.mjs";
import { conditions, draftFile, prompts, root, targetFile } from "./setting.mjs";

const specdecpp = createRequire(import.meta.url)("..");
const values = parseOptions("What has to be seen on a machine with a GPU.", {
  out: {
    ...string,
    default: path.join(root, "build", "bench-cuda"),
    describe: "Folder of findings and of the models made for them",
  },
  cpu: { ...flag, describe: "The same on the processor with small models, to see that it works" },
  seconds: { ...number, default: 120, describe: "How long prices are measured" },
});
const { cpu, seconds } = values;
const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });
process.env.XDG_CACHE_HOME = path.join(out, "cache"); // of calibrations
const where = cpu ? { gpuLayers: 0, threads: 1 } : {};

/** @type {Record<string, any>} */
const findings = existsSync(path.join(out, "build.json"))
  ? { build: JSON.parse(readFileSync(path.join(out, "build.json"), "utf8")) }
  : {};

/**
 * Notes what a step found, or why it failed; the others go on.
 * @param {string} name
 * @param {() => unknown} step
 */
async function find(name, step) {
  process.stderr.write(`${name}\n`);
  try {
    findings[name] = await step();
  } catch (error) {
    const { code, message } = /** @type {any} */ (error);
    findings[name] = { failed: code === undefined ? message : `${code}: ${message}` };
  }
  writeFileSync(path.join(out, "findings.json"), `${JSON.stringify(findings, null, 2)}\n`);
}

/** @param {string[]} args */
function cli(...args) {
  const device = cpu ? ["--gpu-layers", "0", "--threads", "1"] : [];
  const file = path.join(root, "dist", "cli", "cli.mjs");
  const child = spawnSync(process.execPath, [file, ...args, ...device, "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

/** Of texts that should be the same: how many part, and how far apart the two tokens' scores are there. */
async function checkIdentity() {
  const draft = { path: draftFile, ...where };
  const engine = await specdecpp.createEngine({
    target: { path: await targetFile("own"), ...where },
    draft,
  });
  let texts = 0;
  const gaps = [];
  for (const prompt of prompts("gsm8k", cpu ? 2 : 40)) {
    const options = { maxTokens: cpu ? 30 : 120, logprobs: true };
    const plain = await engine.generate(prompt, { ...options, stopRule: "none" });
    for (const stopRule of ["fixed:1", "fixed:4", "fixed:12"]) {
      const { tokens, logprobs } = await engine.generate(prompt, { ...options, stopRule });
      const at = tokens.findIndex(
        (/** @type {number} */ id, /** @type {number} */ i) => id !== plain.tokens[i],
      );
      texts += 1;
      if (at >= 0) gaps.push(Math.abs(logprobs[at] - plain.logprobs[at]));
    }
  }
  await engine.dispose();
  return { texts, parted: gaps.length, largestGapNats: Math.max(0, ...gaps) };
}

/** jest's tests with models, which use the device where there is one. */
function runTests() {
  const file = path.join(out, "jest.json");
  rmSync(file, { force: true }); // another run's
  const jest = path.join(root, "node_modules", "jest", "bin", "jest.js");
  const parts = cpu ? ["test/native"] : ["test/model", "test/native", "test/process/teardown"];
  spawnSync(process.execPath, [jest, ...parts, "--json", `--outputFile=${file}`], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, "utf8"));
  const failures = testResults.flatMap((/** @type {any} */ { assertionResults }) =>
    assertionResults
      .filter((/** @type {any} */ { status }) => status === "failed")
      .map((/** @type {any} */ { fullName }) => fullName),
  );
  return { passed: numPassedTests, failed: numFailedTests, failures };
}

/** Sizes of random models: layers and width. Parameters: about 12 * layers * width². */
const sizes = cpu
  ? { "draft-1M": [2, 128], "target-13M": [4, 512] }
  : { "draft-150M": [12, 1024], "target-1B": [20, 2048], "target-7B": [32, 4096] };

/** @param {string} name */
function randomModel(name) {
  const file = path.join(out, `${name}.gguf`);
  const [layers = 1, width = 64] = /** @type {Record<string, number[]>} */ (sizes)[name] ?? [];
  if (!existsSync(file)) {
    writeRandomModel({ like: draftFile, out: file, layers, width, type: "q8_0", seed: layers });
  }
  return file;
}

await find("conditions", () => ({ ...conditions(), cpu, at: new Date().toISOString() }));
await find("devices", () => {
  const devices = specdecpp.devices();
  if (!cpu && !devices.some((/** @type {any} */ { type }) => type !== "cpu")) {
    throw new Error("llama.cpp sees no device but the processor");
  }
  return devices;
});
await find("tests", runTests);
await find("identity", checkIdentity);

const names = Object.keys(sizes);
const [smallDraft = ""] = names;
const pairs = {
  // What is accepted is the embedded pair's, the target's price that of a larger one.
  ...(cpu ? {} : { deep: [await targetFile("deep"), draftFile] }),
  "1:10": [await targetFile("1:10"), draftFile],
  // Nothing is accepted: these tell of prices, and of rules that should go back to plain decoding.
  ...Object.fromEntries(
    names
      .filter((name) => name.startsWith("target"))
      .map((name) => [`${name} by ${smallDraft}`, [name, smallDraft].map(randomModel)]),
  ),
};

// How the embedded pair behaves, for replay at the prices of the larger models.
const walks = path.join(out, "walks");
await find("walks", async () => {
  const { tokens } = await specdecpp.trace({
    target: { path: await targetFile("own"), ...where },
    draft: { path: draftFile, ...where },
    prompts: path.join(root, "test", "data", "gsm8k.jsonl"),
    template: "<|user|>{prompt}<|assistant|>",
    out: walks,
    limit: cpu ? 2 : 100,
    maxTokens: cpu ? 40 : 120,
    maxDraftTokens: 16,
    states: false,
  });
  return { tokens };
});

for (const [name, [target = "", draft = ""]] of Object.entries(pairs)) {
  const costs = path.join(out, `costs ${name.replace(":", "-")}.json`);
  await find(`prices, ${name}`, () => {
    const time = String(Math.max(1, Math.round(seconds / 4)));
    const result = cli(
      "calibrate",
      "--target",
      target,
      "--draft",
      draft,
      "--seconds",
      time,
      "--force",
    );
    writeFileSync(costs, JSON.stringify(result));
    return result.costs;
  });
  await find(`replay of the embedded pair at these prices, ${name}`, async () => {
    const { plain, bestFixed, bound, oracle, sweeps } = await specdecpp.replay({
      trace: walks,
      costs,
    });
    const best = sweeps.map((/** @type {any} */ { best: report }) => report);
    return [plain, bestFixed, ...best, bound, oracle].map(({ rule, speedup }) => ({
      rule,
      speedup,
    }));
  });
  await find(`bench, ${name}`, () => {
    const template = ["--template", "<|user|>{prompt}<|assistant|>"];
    const time = ["--seconds", String(seconds), "--max-tokens", cpu ? "20" : "100"];
    const { rules, advice, texts } = cli(
      "bench",
      "--target",
      target,
      "--draft",
      draft,
      ...template,
      ...time,
    );
    return { rules, advice, texts };
  });
}
const failed = Object.values(findings).filter((finding) => finding.failed).length;
console.log(path.join(out, "findings.json"));
process.exitCode = failed > 0 ? 1 : 0;
process.exit();
