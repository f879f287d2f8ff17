import type { EngineOptions, GenerateOptions } from "../../lib";
import { SpecdecError } from "../../lib";
import { resolveEngine } from "../../lib/engine-options";
import { resolveGeneration } from "../../lib/options";
import { resolveTrace } from "../../lib/trace/options";

const engine = { hasDraft: true, maxDraft: 16 };

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (SpecdecError.isInstance(error) && error.code === "ERR_INVALID_ARGUMENT")
      return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

test("without options decoding is greedy and drafts four tokens", () => {
  expect(resolveGeneration({}, engine)).toMatchObject({
    sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, penaltyWindow: 64 },
    policy: "throughput",
    verifier: "match",
    parseSpecial: true,
    logprobs: false,
  });
});

test("without a draft decoding is plain", () => {
  expect(resolveGeneration({}, { hasDraft: false, maxDraft: 16 }).policy).toBe("none");
});

test("above temperature 0 the default verifier is block verification", () => {
  expect(resolveGeneration({ temperature: 0.5 }, engine).verifier).toBe("block");
});

test.each([
  ["walk", 1, "rejection"],
  ["paper", 1, "rejection"],
  ["rounds", 1, "block"],
  ["walk", 0, "match"],
] as const)(
  "a trace of mode %s at temperature %d is verified by %s",
  (mode, temperature, verifier) => {
    const files = { target: "t", draft: "d", prompts: "p", out: "o" };
    expect(resolveTrace({ ...files, mode, temperature }).verifier).toBe(verifier);
  },
);

test("a missing seed is drawn, a given one kept", () => {
  expect(resolveGeneration({ seed: 7 }, engine).sampling.seed).toBe(7);
  const seeds = new Set(
    Array.from({ length: 20 }, () => resolveGeneration({}, engine).sampling.seed),
  );
  expect(seeds.size).toBeGreaterThan(15);
});

test.each<[string, unknown]>([
  ["temperature", -1],
  ["temperature", NaN],
  ["temperature", Infinity],
  ["temperature", "1"],
  ["temperature", 1e-5],
  ["temperature", 1e5],
  ["temperature", null],
  ["topK", 1.5],
  ["topK", -1],
  ["topK", NaN],
  ["topP", 0],
  ["topP", 1.1],
  ["topP", NaN],
  ["minP", -0.1],
  ["minP", NaN],
  ["repeatPenalty", 0],
  ["repeatPenalty", NaN],
  ["repeatPenalty", 1e-5],
  ["repeatPenalty", 1e5],
  ["presencePenalty", NaN],
  ["presencePenalty", Infinity],
  ["presencePenalty", 1e5],
  ["presencePenalty", -1e5],
  ["frequencyPenalty", NaN],
  ["frequencyPenalty", 1e5],
  ["penaltyWindow", -1],
  ["penaltyWindow", NaN],
  ["draftTopK", -1],
  ["draftTopK", 0.5],
  ["seed", -1],
  ["seed", 0.5],
  ["seed", NaN],
  ["seed", 2 ** 53],
  ["maxTokens", 0],
  ["maxTokens", NaN],
  ["maxTokens", 1.5],
  ["stop", ""],
  ["stop", [""]],
  ["stop", [1]],
  ["stopRule", "fixed:"],
  ["stopRule", "fixed:0"],
  ["stopRule", "fixed:17"],
  ["stopRule", "fixed:1.5"],
  ["stopRule", "fast"],
  ["stopRule", "none:1"],
  ["stopRule", "confidence:2"],
  ["stopRule", "confidence:x"],
  ["stopRule", "confidence:0.5:1"],
  ["stopRule", "schedule:0"],
  ["stopRule", 4],
  ["stopRule", {}],
  ["stopRule", { name: "own" }],
  ["stopRule.continues", { continues: true }],
  ["stopRule.submits", { submits: 3 }],
  ["stopRule.observe", { observe: null }],
  ["stopRule.needsDetails", { needsDetails: "yes" }],
  ["stop", 5],
  ["signal", 5],
  ["details", 1],
  ["logitBias", 5],
  ["logitBias", { 10000000000: 1 }],
  ["verifier", "fast"],
  ["logitBias", { "-1": 0 }],
  ["logitBias", { 1: NaN }],
  ["logitBias", { 1: Infinity }],
  ["logitBias", { 1: 1e5 }],
  ["logitBias", { 1: -1e5 }],
  ["logprobs", 1],
  ["parseSpecial", "yes"],
])("%s: %p is refused, naming the option", (name, value) => {
  const option = name.startsWith("stopRule.")
    ? { stopRule: { name: "own", next: () => ({ length: 1 }), ...(value as object) } }
    : { [name]: value };
  expect(refusal(() => resolveGeneration(option, engine))).toContain(name);
});

test("a message says the range", () => {
  expect(refusal(() => resolveGeneration({ temperature: 1e-39 }, engine))).toContain(
    "temperature must be 0, or a number, 0.0001 to 10000, but is 1e-39",
  );
  expect(refusal(() => resolveGeneration({ logitBias: { 3: 2e38 } }, engine))).toContain(
    "logitBias[3] must be a number, -10000 to 10000, or -Infinity, but is 2e+38",
  );
});

test("a ban is a bias of -Infinity", () => {
  expect(resolveGeneration({ logitBias: { 5: -Infinity } }, engine).sampling.logitBias).toEqual([
    [5, -Infinity],
  ]);
});

test("a misspelt option is refused with those there are", () => {
  const message = refusal(() => resolveGeneration({ temprature: 1 } as GenerateOptions, engine));
  expect(message).toMatch(/"temprature".*temperature/);
});

test("greedy verification above temperature 0 is refused", () => {
  expect(
    refusal(() => resolveGeneration({ temperature: 1, verifier: "greedy" }, engine)),
  ).toContain("greedy");
});

test("a draft length without a draft is refused", () => {
  const message = refusal(() =>
    resolveGeneration({ stopRule: "fixed:4" }, { hasDraft: false, maxDraft: 16 }),
  );
  expect(message).toContain("no draft");
});

test.each<[string, unknown]>([
  ["target", undefined],
  ["target", 5],
  ["target.path", { path: "" }],
  ["target.gpuLayers", { path: "a", gpuLayers: -2 }],
  ["target.gpuLayers", { path: "a", gpuLayers: NaN }],
  ["target.threads", { path: "a", threads: 0 }],
  ["target.contextSize", { path: "a", contextSize: 1 }],
  ["target.contextSize", { path: "a", contextSize: NaN }],
  ["target.kvTypeK", { path: "a", kvTypeK: "q2" }],
  ["target.devices", { path: "a", devices: [1] }],
  ["target.mmap", { path: "a", mmap: 1 }],
])("createEngine refuses a bad %s: %p", (name, target) => {
  expect(refusal(() => resolveEngine({ target } as EngineOptions))).toContain(name);
});

test("maxDraftTokens is 1 to 64", () => {
  for (const maxDraftTokens of [0, 65, NaN]) {
    expect(refusal(() => resolveEngine({ target: "a", maxDraftTokens }))).toContain(
      "maxDraftTokens",
    );
  }
});

test("what downloads take is checked", () => {
  for (const modelsDirectory of [5, "", null]) {
    const options = { target: "a", modelsDirectory } as unknown as EngineOptions;
    expect(refusal(() => resolveEngine(options))).toContain("modelsDirectory must be the path");
  }
  const options = { target: "a", onDownloadProgress: "log" } as unknown as EngineOptions;
  expect(refusal(() => resolveEngine(options))).toContain("onDownloadProgress must be a function");
});

test("onLoadProgress is a function", () => {
  for (const onLoadProgress of [5, null, "log", {}]) {
    const options = { target: "a", onLoadProgress } as unknown as EngineOptions;
    expect(refusal(() => resolveEngine(options))).toContain("onLoadProgress must be a function");
  }
});
