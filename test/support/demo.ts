import { readFileSync } from "node:fs";
import path from "node:path";
import { createEngine, type Engine, type EngineOptions } from "../../lib";

const root = path.join(__dirname, "..", "..");

/** The embedded pair as it is. */
export const shippedTarget = path.join(root, "models", "demo", "target.gguf");
/** The same in Q8_0, which test/global-setup.mjs makes where there is an addon. */
export const demoTarget = process.env.SPECDECPP_TEST_TARGET ?? shippedTarget;
export const demoDraft = path.join(root, "models", "demo", "draft.gguf");

/** One thread: llama.cpp's prebuilt libraries spin at barriers, and the test runner has the other core. */
export const threads = 1;

export function demoEngine(options: Partial<EngineOptions> = {}): Promise<Engine> {
  return createEngine({
    target: { path: demoTarget, threads },
    draft: { path: demoDraft, threads },
    ...options,
  });
}

/** The engine without its draft: plain decoding. */
export function plainEngine(target = demoTarget): Promise<Engine> {
  return createEngine({ target: { path: target, threads } });
}

/** A question in the pair's chat form. */
export function chat(question: string): string {
  return `<|user|>${question}<|assistant|>`;
}

function rows<T>(name: string): T[] {
  return readFileSync(path.join(root, "test", "data", name), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

export const gsm8k = rows<{ question: string }>("gsm8k.jsonl").map((row) => chat(row.question));
export const humaneval = rows<{ prompt: string }>("humaneval.jsonl").map((row) => chat(row.prompt));

export const prompt = chat(
  "Tom has 3 boxes with 12 pencils each. He gives 7 pencils away. How many has he left?",
);
