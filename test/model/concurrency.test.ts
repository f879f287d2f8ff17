import { createEngine, type Engine, SpecdecError } from "../../lib";
import { demoDraft, demoEngine, demoTarget, prompt, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

let engine: Engine;

beforeEach(async () => {
  engine = await demoEngine();
});

afterEach(async () => {
  await engine.dispose();
});

test("calls at the same time are served in the order they came", async () => {
  const order: number[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(async (i) => {
      await engine.generate(prompt, { maxTokens: 8 - 2 * i });
      order.push(i);
    }),
  );
  expect(order).toEqual([0, 1, 2, 3]);
});

test("calls at the same time do not mix", async () => {
  const alone = await engine.generate(prompt, { temperature: 1, seed: 3 });
  const together = await Promise.all(
    [3, 4, 3].map((seed) => engine.generate(prompt, { temperature: 1, seed })),
  );
  expect(together[0]?.text).toBe(alone.text);
  expect(together[2]?.text).toBe(alone.text);
  expect(together[1]?.text).not.toBe(alone.text);
});

test("leaving a stream early frees the engine, and the next text is as ever", async () => {
  const before = await engine.generate(prompt);
  for await (const chunk of engine.stream(prompt)) {
    expect(chunk.text).not.toBe("");
    break;
  }
  expect((await engine.generate(prompt)).text).toBe(before.text);
});

test("an abort ends the generation with what there was, and the next text is as ever", async () => {
  const before = await engine.generate(prompt);
  const aborting = new AbortController();
  let text = "";
  const stream = engine.stream(prompt, { signal: aborting.signal });
  const error = await rejection(
    (async () => {
      for await (const chunk of stream) {
        text += chunk.text;
        if (text.length > 20) aborting.abort("enough");
      }
    })(),
    "ERR_ABORTED",
  );
  expect(error).toMatchObject({ name: "AbortError", cause: "enough" });
  expect(error.partial).toMatchObject({ text, finishReason: "aborted" });
  expect(before.text.startsWith(text)).toBe(true);
  expect((await engine.generate(prompt)).text).toBe(before.text);
});

test("an abort before the start does nothing at all", async () => {
  await rejection(engine.generate(prompt, { signal: AbortSignal.abort() }), "ERR_ABORTED");
});

test("an abort while waiting does not hold up the others", async () => {
  const aborting = new AbortController();
  const [first, second, third] = [
    engine.generate(prompt),
    engine.generate(prompt, { signal: aborting.signal }),
    engine.generate(prompt),
  ];
  aborting.abort();
  await rejection(second, "ERR_ABORTED");
  expect((await first).text).toBe((await third).text);
});

test("disposing while busy ends the generation with what there was", async () => {
  const stream = engine.stream(prompt);
  await stream.next();
  const next = stream.next();
  await engine.dispose();
  // The round in flight may have come to its end; then the one after it is refused.
  const error = await rejection(
    next.then(() => stream.next()),
    "ERR_DISPOSED",
  );
  expect(error.partial?.finishReason).toBe("aborted");
  expect(error.partial?.tokens.length).toBeGreaterThan(0);
});

test("disposing rejects who waits in the queue", async () => {
  const results = [engine.generate(prompt), engine.generate(prompt), engine.generate(prompt)];
  await engine.dispose();
  for (const result of results) await rejection(result, "ERR_DISPOSED");
});

test("disposing while a stream waits for its consumer does not wait for it", async () => {
  const stream = engine.stream(prompt);
  await stream.next();
  await engine.dispose();
  await rejection(stream.next(), "ERR_DISPOSED");
});

test("dispose can be called again, and use after it is refused", async () => {
  await Promise.all([engine.dispose(), engine.dispose()]);
  await engine.dispose();
  await rejection(engine.generate(prompt), "ERR_DISPOSED");
  expect(() => engine.tokenize("a")).toThrow(SpecdecError);
});

test("await using disposes", async () => {
  let used: Engine;
  {
    await using scoped = await demoEngine();
    used = scoped;
  }
  await rejection(used.generate(prompt), "ERR_DISPOSED");
});

test("an error of the addon has a JavaScript stack and its cause", async () => {
  const error = await rejection(engine.generate("word ".repeat(1000)), "ERR_CONTEXT_FULL");
  expect(error.stack).toMatch(/Engine\.generate/);
  expect(error.cause).toMatchObject({ code: "ERR_CONTEXT_FULL" });
});

test("loading can be aborted, and says how far it is", async () => {
  const aborting = new AbortController();
  aborting.abort();
  await rejection(
    createEngine({ target: demoTarget, draft: demoDraft, signal: aborting.signal }),
    "ERR_ABORTED",
  );
  const seen: string[] = [];
  const other = await createEngine({
    target: { path: demoTarget, threads },
    draft: { path: demoDraft, threads },
    onLoadProgress: ({ model, fraction }) => seen.push(`${model} ${fraction}`),
  });
  expect(seen).toEqual(expect.arrayContaining(["target 1", "draft 1"]));
  await other.dispose();
});

test("a load progress that throws rejects createEngine with what it threw", async () => {
  const planted = new RangeError("planted");
  const onLoadProgress = (): void => {
    throw planted;
  };
  await expect(
    createEngine({ target: { path: demoTarget, threads }, onLoadProgress }),
  ).rejects.toBe(planted);
});
