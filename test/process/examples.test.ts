// The examples as they are, each a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { deepen, type GenerationStats } from "../../lib";
import { chat, demoDraft, demoEngine, demoTarget } from "../support/demo";
import { root, run } from "./child";

/** What the examples write is here. */
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const example = (name: string): string => path.join(root, "examples", `${name}.mjs`);

test.each([
  ["generate", [], /\n\d+ tokens in \d+ passes .*, ended by eog; \d+ of \d+ drafted/],
  ["stream", [demoTarget, demoDraft], /\w+\n$/],
  ["chat", [], /^> Tom has [^]*\n> He gives [^]*\n4 messages in the history\n$/],
  [
    "train-head",
    [],
    /^Traced [^]*\nEpoch 1: .*\n[^]*: the head\n[^]*\nhead:0\.6: .*\n.*head\.gguf: /,
  ],
  ["custom-rule", [], /^none +1\.00 .*\nfixed:4 .*\nfixed:8 .*\nfollows-acceptance +[1-9]\.\d\d /],
])("%s.mjs runs to its end", (name, models, expected) => {
  const env = { ...process.env, TMPDIR: folder };
  const { status, stdout, stderr } = run(process.execPath, [example(name), ...models], env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(expected);
});

describe("http-server.mjs", () => {
  let server: ChildProcess;
  let address: string;
  let log = "";
  // A target that takes its time, so that a client can go away in the middle.
  const dearTarget = path.join(os.tmpdir(), `specdecpp-test-dear-${process.pid}.gguf`);

  beforeAll(async () => {
    await deepen(demoTarget, dearTarget, 40);
    const args = [example("http-server"), dearTarget, demoDraft];
    server = spawn(process.execPath, args, { env: { ...process.env, PORT: "0" } });
    server.stderr!.setEncoding("utf8").on("data", (text: string) => (log += text));
    const [line] = (await once(server.stdout!, "data")) as [Buffer];
    address = /http:\S+/.exec(line.toString())![0];
  });

  afterAll(() => {
    server.kill("SIGKILL"); // of no effect where it has ended
    rmSync(dearTarget);
  });

  const post = (body: string, signal?: AbortSignal): Promise<Response> =>
    fetch(address, { method: "POST", body, ...(signal && { signal }) });

  test("it streams the engine's text as server-sent events", async () => {
    const options = { maxTokens: 30, seed: 3, stopRule: "fixed:3" };
    const prompt = chat("How many legs have three cats?");
    const response = await post(JSON.stringify({ prompt, ...options }));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = parseEvents(await response.text());
    const { stats } = events.at(-1)!.data as { stats: GenerationStats };
    expect(events.map(({ event }) => event)).toEqual([
      ...Array<string>(stats.targetPasses).fill("text"),
      "end",
    ]);
    const engine = await demoEngine();
    const { text } = await engine.generate(prompt, options);
    await engine.dispose();
    const texts = events.slice(0, -1).map(({ data }) => (data as { text: string }).text);
    expect(texts.join("")).toBe(text);
  });

  test("a client that goes away ends its text, and the next one is served", async () => {
    const leaving = new AbortController();
    const long = JSON.stringify({ prompt: "Once", maxTokens: 400, stopRule: "none" });
    const response = await post(long, leaving.signal);
    await response.body!.getReader().read();
    leaving.abort();
    const next = await post(JSON.stringify({ prompt: "Twice", maxTokens: 5 }));
    expect(parseEvents(await next.text()).at(-1)).toMatchObject({ event: "end" });
    const pattern = /a client went away after (\d+) tokens/;
    while (!pattern.test(log)) await once(server.stderr!, "data");
    expect(Number(pattern.exec(log)![1])).toBeLessThan(300);
  });

  test.each([
    ['{"prompt": "Once", "temperature": -1}', "ERR_INVALID_ARGUMENT"],
    ['{"prompt": "Once", "maxTokens": ', "SyntaxError"],
  ])("a bad request, %s, is answered by 400 and %s", async (body, code) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    await expect(response.json()).resolves.toMatchObject({ code });
  });

  test("SIGTERM ends it, with what was under way", async () => {
    const long = JSON.stringify({ prompt: "Once", maxTokens: 400, stopRule: "none" });
    const response = await post(long);
    server.kill("SIGTERM");
    const events = parseEvents(await response.text());
    expect(events.at(-1)).toMatchObject({ event: "error", data: { code: "ERR_DISPOSED" } });
    if (server.exitCode === null) await once(server, "exit");
    expect(server.exitCode).toBe(0);
  });
});

function parseEvents(body: string): { event: string; data: unknown }[] {
  return Array.from(body.matchAll(/event: (.*)\ndata: (.*)\n\n/g), ([, event, data]) => ({
    event: event!,
    data: JSON.parse(data!) as unknown,
  }));
}
