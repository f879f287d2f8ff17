import { createEngine, type Engine, type GenerationChunk, type SamplingOptions } from "../../lib";
import { demoDraft, demoEngine, demoTarget, plainEngine, prompt, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

let engine: Engine;

beforeAll(async () => {
  engine = await demoEngine();
});

afterAll(async () => {
  await engine.dispose();
});

async function collect(chunks: AsyncIterable<GenerationChunk>): Promise<GenerationChunk[]> {
  const all: GenerationChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

test("a stream's chunks add up to what generate returns", async () => {
  const whole = await engine.generate(prompt, { temperature: 0.8, seed: 5 });
  const chunks = await collect(engine.stream(prompt, { temperature: 0.8, seed: 5 }));
  expect(chunks.map(({ text }) => text).join("")).toBe(whole.text);
  expect(chunks.flatMap(({ tokens }) => tokens.map(({ id }) => id))).toEqual(whole.tokens);
});

test("a stream returns the result", async () => {
  const stream = engine.stream(prompt, { maxTokens: 5 });
  let next = await stream.next();
  while (!next.done) next = await stream.next();
  expect(next.value).toMatchObject({ finishReason: "length", tokens: { length: 5 } });
});

test("the figures keep the paper's identity", async () => {
  for (const options of [
    {},
    { temperature: 1 },
    { stopRule: "none" },
    { stop: "He" },
    { maxTokens: 7 },
  ] as const) {
    const { stats, tokens } = await engine.generate(prompt, options);
    expect(stats.generated).toBe(tokens.length);
    expect(stats.drafted + stats.targetPasses).toBe(stats.generated + stats.discarded);
  }
});

test("each token says where it came from", async () => {
  const options = { stopRule: "fixed:4" };
  const chunks = await collect(engine.stream(prompt, options));
  const { stats } = await engine.generate(prompt, options);
  const origins = chunks.flatMap(({ tokens }) => tokens.map(({ origin }) => origin));
  expect(origins.filter((origin) => origin === "draft")).toHaveLength(stats.accepted);
  expect(stats.accepted).toBeGreaterThan(stats.generated / 3);
});

test("plain decoding takes one pass a token", async () => {
  const { stats } = await engine.generate(prompt, { stopRule: "none" });
  expect(stats).toMatchObject({ drafted: 0, discarded: 0, tokensPerPass: 1 });
});

test("speculation takes fewer passes than tokens", async () => {
  const { stats } = await engine.generate(prompt, { stopRule: "fixed:4" });
  expect(stats.tokensPerPass).toBeGreaterThan(1.5);
});

test("the same seed repeats a text, another gives another", async () => {
  const text = async (seed: number): Promise<string> =>
    (await engine.generate(prompt, { temperature: 1, seed })).text;
  const first = await text(1);
  expect(await text(1)).toBe(first);
  expect(await text(2)).not.toBe(first);
});

test("a drawn seed is returned and repeats the text", async () => {
  const options = { temperature: 1, verifier: "coupled" } as const;
  const { seed, text } = await engine.generate(prompt, options);
  expect((await engine.generate(prompt, { ...options, seed })).text).toBe(text);
});

test("maxTokens ends the text, without discarding more than was rejected", async () => {
  for (const maxTokens of [1, 2, 3, 10]) {
    const { tokens, finishReason, stats } = await engine.generate(prompt, { maxTokens });
    expect(tokens).toHaveLength(maxTokens);
    expect(finishReason).toBe("length");
    expect(stats.discarded).toBe(stats.drafted - stats.accepted);
  }
});

test("the model's end of the text ends it, and is a token without text", async () => {
  const { finishReason, tokens, text } = await engine.generate(prompt);
  expect(finishReason).toBe("eog");
  expect(engine.detokenize(tokens)).toBe(text);
});

test("a stop string ends the text before it, also across rounds", async () => {
  const { text } = await engine.generate(prompt);
  const stop = text.slice(20, 26);
  const stopped = await engine.generate(prompt, { stop: [stop, "never in the text"] });
  expect(stopped.finishReason).toBe("stop");
  expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
  expect(engine.detokenize(stopped.tokens)).toContain(stop);
});

test("a full context ends the text", async () => {
  const small = await createEngine({
    target: { path: demoTarget, threads, contextSize: 40 },
    draft: { path: demoDraft, threads },
  });
  const { finishReason, tokens, stats } = await small.generate(prompt);
  expect(finishReason).toBe("context");
  expect(stats.promptTokens + tokens.length).toBe(41); // the last token need not be in the cache
  await small.dispose();
});

test("a full draft context leaves plain decoding, with the same text", async () => {
  const small = await createEngine({
    target: { path: demoTarget, threads },
    draft: { path: demoDraft, threads, contextSize: 50 },
  });
  const stopRule = "fixed:4";
  const { text, stats } = await small.generate(prompt, { stopRule });
  const whole = await engine.generate(prompt, { stopRule });
  expect(text).toBe(whole.text);
  expect(stats.targetPasses).toBeGreaterThan(whole.stats.targetPasses);
  await small.dispose();
});

test("a prompt longer than the context is refused, and the engine goes on", async () => {
  const error = await rejection(engine.generate("word ".repeat(1000)), "ERR_CONTEXT_FULL");
  expect(error.message).toMatch(/2002 tokens.*512.*contextSize/);
  expect(error.partial).toMatchObject({ text: "", finishReason: "error" });
  await expect(engine.generate(prompt, { maxTokens: 1 })).resolves.toBeDefined();
});

test("log-probabilities are those of plain decoding", async () => {
  const plain = await plainEngine();
  const a = await engine.generate(prompt, { logprobs: true });
  const b = await plain.generate(prompt, { logprobs: true });
  expect(a.tokens).toEqual(b.tokens);
  for (const [i, logprob] of (a.logprobs ?? []).entries()) {
    expect(logprob).toBeLessThanOrEqual(0);
    expect(logprob).toBeCloseTo(b.logprobs?.[i] ?? NaN, 1);
  }
  await plain.dispose();
});

test("a banned token does not come out", async () => {
  const { tokens } = await engine.generate(prompt, { maxTokens: 20 });
  const banned = tokens[3]!;
  const without = await engine.generate(prompt, {
    maxTokens: 20,
    logitBias: { [banned]: -Infinity },
  });
  expect(without.tokens.slice(0, 3)).toEqual(tokens.slice(0, 3));
  expect(without.tokens).not.toContain(banned);
});

const everyToken = (value: number): Record<number, number> =>
  Object.fromEntries(Array.from({ length: 4096 }, (_, token) => [token, value]));
const bans = { 0: -Infinity, 1: -Infinity, 2: -Infinity };

test.each<[string, SamplingOptions]>([
  ["the lowest temperature", { temperature: 1e-4 }],
  ["the highest, with bans", { temperature: 1e4, logitBias: bans }],
  ["the largest biases", { logitBias: everyToken(1e4) }],
  ["the smallest biases", { temperature: 1e-4, logitBias: everyToken(-1e4) }],
  ["the largest penalties", { repeatPenalty: 1e4, presencePenalty: 1e4, frequencyPenalty: 1e4 }],
  ["the smallest", { repeatPenalty: 1e-4, presencePenalty: -1e4, frequencyPenalty: -1e4 }],
  [
    "all of them with truncation",
    {
      temperature: 1e-4,
      repeatPenalty: 1e-4,
      presencePenalty: -1e4,
      frequencyPenalty: -1e4,
      logitBias: { ...everyToken(1e4), ...bans },
      topK: 40,
      topP: 0.9,
      minP: 0.01,
    },
  ],
])("a token is possible at %s", async (_, options) => {
  for (const temperature of [options.temperature ?? 0, options.temperature ?? 1]) {
    const verifiers =
      temperature === 0 ? (["greedy"] as const) : (["rejection", "block", "coupled"] as const);
    for (const verifier of verifiers) {
      const settings = { ...options, temperature, verifier, seed: 1, maxTokens: 20 };
      const { tokens } = await engine.generate(prompt, settings);
      expect(tokens.length).toBeGreaterThan(0);
    }
  }
});

test("text in the prompt is a control token only where it is trusted", () => {
  expect(engine.tokenize("<|user|>")).toHaveLength(2);
  expect(engine.tokenize("<|user|>", { parseSpecial: false }).length).toBeGreaterThan(3);
});

test("a prompt of token ids is used as it is", async () => {
  const tokens = engine.tokenize(prompt);
  expect((await engine.generate(tokens)).text).toBe((await engine.generate(prompt)).text);
});

test.each([
  ["an empty prompt", ""],
  ["no tokens", []],
  ["a lone surrogate", "a\ud800b"],
  ["a number", 5],
  ["nothing", undefined],
  ["a token that is not whole", [1.5]],
  ["a negative token", [-1]],
  ["a token beyond the vocabulary", [4096]],
])("%s is refused", async (_, bad) => {
  await rejection(engine.generate(bad as string), "ERR_INVALID_ARGUMENT");
});

test.each<[string, unknown, unknown]>([
  ["a lone surrogate", "a\ud800b", {}],
  ["a number", 5, {}],
  ["nothing", undefined, {}],
  ["an unknown option", "a", { parseSpecail: false }],
  ["an option of another kind", "a", { parseSpecial: 0 }],
  ["options that are none", "a", null],
])("tokenize refuses %s", (_, text, options) => {
  expect(() => engine.tokenize(text as string, options as object)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error,
  );
});

test.each([
  ["null", null],
  ["nothing", undefined],
  ["a string", "12"],
  ["an object", { length: 1, 0: 5 }],
  ["numbers of another width", new Float64Array(2)],
  ["a token that is not whole", [1.5]],
  ["a negative token", [3, -1]],
  ["a token beyond the vocabulary", [4096]],
  ["a hole", [1, , 2]], // eslint-disable-line no-sparse-arrays -- what is refused
])("detokenize refuses %s", (_, tokens) => {
  expect(() => engine.detokenize(tokens as number[])).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error,
  );
});

test("tokens of a text are its text again, from either kind of array", () => {
  const tokens = engine.tokenize(" twelve pencils");
  expect(engine.detokenize(tokens)).toContain("twelve pencils");
  expect(engine.detokenize(Int32Array.from(tokens))).toBe(engine.detokenize(tokens));
});

test("any text that is well formed can be a prompt", async () => {
  for (const text of ["\0", "😀 ü 漢字", " ", "\n\n", "\u200b", "a\r\nb"]) {
    await expect(engine.generate(text, { maxTokens: 3 })).resolves.toBeDefined();
  }
});

test("a beginning shared with the text before is not evaluated again, unless that is asked for", async () => {
  const first = await engine.generate(prompt, { reusePrefix: false });
  expect(first.stats.reusedTokens).toBe(0);
  const again = await engine.generate(prompt);
  expect(again.stats.reusedTokens).toBe(again.stats.promptTokens - 1);
  expect(again.text).toBe(first.text);
  const longer = [...engine.tokenize(prompt), ...first.tokens, 5, 6];
  expect((await engine.generate(longer)).stats.reusedTokens).toBe(longer.length - 3);
  const anew = await engine.generate(longer, { reusePrefix: false });
  expect(anew.stats.reusedTokens).toBe(0);
});
