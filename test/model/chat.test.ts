import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type ChatMessage, type ChatSession, createEngine, type Engine } from "../../lib";
import { chat as inChatForm, demoDraft, demoEngine, threads } from "../support/demo";
import { rejection } from "../support/expect-error";

const questions = [
  "Tom has 12 apples. He buys 8 more. How many apples has he?",
  "Mia has 3 boxes of 6 pencils. How many pencils has she?",
  "A pizza has 8 slices. Three friends eat 2 each. How many are left?",
];
const [first, second, third] = questions as [string, string, string];
const user = (content: string): ChatMessage => ({ role: "user", content });
const brief = { maxTokens: 20 };

let engine: Engine;
let chat: ChatSession;

beforeAll(async () => {
  engine = await demoEngine();
});

afterAll(async () => {
  await engine.dispose();
});

beforeEach(() => {
  chat = engine.createChatSession();
});

/** What both models have evaluated, and the tokens that the target has read or written. */
function state(of = engine): Promise<{ tokens: number[]; target: number; draft: number }> {
  return of.withSession((session) => {
    const { tokens, targetEvaluated, draftEvaluated } = session.state();
    return Promise.resolve({
      tokens: Array.from(tokens),
      target: targetEvaluated,
      draft: draftEvaluated,
    });
  }, undefined);
}

function count(tokens: readonly number[], text: string): number {
  const [, control] = engine.tokenize(text) as [number, number];
  return tokens.filter((token) => token === control).length;
}

test("a chat has the form of the model's own template", async () => {
  const written = await engine.generate(inChatForm(first), { reusePrefix: false });
  const answered = await engine.chat([user(first)], { reusePrefix: false });
  expect(` ${answered.text}`).toBe(written.text); // the space is the vocabulary's
  expect(answered.finishReason).toBe("eog");
  expect(answered.stats.promptTokens).toBe(engine.tokenize(inChatForm(first)).length);
  expect(answered.dropped).toBe(0);
});

test("a chat's stream adds up to its answer", async () => {
  let text = "";
  for await (const chunk of engine.chatStream([user(first)])) text += chunk.text;
  expect(text).toBe((await engine.chat([user(first)])).text);
});

test("a session evaluates nothing twice, in both models", async () => {
  let known = 0; // tokens of the conversation up to the answer's last, which is not yet evaluated
  for (const question of questions) {
    const before = await state();
    // One token is one round without a draft, whose tokens are easy to count.
    const answer = await chat.send(question, { maxTokens: 1 });
    const after = await state();
    const { promptTokens, reusedTokens } = answer.stats;
    if (known > 0) expect(reusedTokens).toBe(known);
    expect(after.target - before.target).toBe(promptTokens - reusedTokens);
    if (known > 0) expect(after.draft - before.draft).toBe(promptTokens - reusedTokens);
    known = promptTokens;
  }
});

test("an answer's tokens are kept as they were drawn, also where its text has others", async () => {
  let others = 0;
  for (let seed = 1; seed <= 8; ++seed) {
    chat.reset();
    const answer = await chat.send(first, { temperature: 1.5, seed, ...brief });
    const read = engine.tokenize(answer.text).slice(1);
    if (String(read) !== String(answer.tokens.slice(0, read.length))) others += 1;
    const next = await chat.send(second, { maxTokens: 1 });
    expect(next.stats.reusedTokens).toBe(answer.stats.promptTokens + answer.tokens.length - 1);
  }
  expect(others).toBeGreaterThan(0);
});

test("a session remembers, and gives its history as a copy", async () => {
  const { text } = await chat.send(first);
  expect(chat.history).toEqual([user(first), { role: "assistant", content: text }]);
  chat.history.pop();
  expect(chat.history).toHaveLength(2);
  const next = await chat.send(second, brief);
  const alone = await engine.chat(
    [user(first), { role: "assistant", content: text }, user(second)],
    brief,
  );
  expect(next.stats.promptTokens).toBe(alone.stats.promptTokens);
});

test("sessions on one engine do not mix, and sends at the same time are answered in turn", async () => {
  const other = engine.createChatSession({ system: "Be brief." });
  const answers = await Promise.all([
    chat.send(first, brief),
    other.send(second, brief),
    chat.send(third, brief),
  ]);
  const said = (of: ChatSession): string[] => of.history.map(({ content }) => content);
  expect(said(chat)).toEqual([first, answers[0].text, third, answers[2].text]);
  expect(said(other)).toEqual(["Be brief.", second, answers[1].text]);
});

test("names of control tokens in a message are text", async () => {
  await engine.chat([user("What is <|user|>, and <|end|>?")], { maxTokens: 1 });
  const { tokens } = await state();
  expect(count(tokens, "<|user|>")).toBe(1);
  expect(count(tokens, "<|end|>")).toBe(0);
  expect(engine.detokenize(tokens)).toMatch(/What is\s+<\|user\|>\s*, and\s+<\|end\|>/);
});

test("tools and variables go to the template", async () => {
  const chatTemplate = "<|user|>{{ tools[0].name }} {{ day }} {{ messages[0].name }}<|assistant|>";
  await engine.chat([{ ...user(first), name: "Tom" }], {
    chatTemplate,
    tools: [{ name: "add" }],
    templateVariables: { day: "Monday" },
    maxTokens: 1,
  });
  expect(engine.detokenize((await state()).tokens)).toMatch(/^\s*add Monday Tom/);
});

test("a tool's call and result go through the template, and in a session nothing is evaluated twice", async () => {
  const chatTemplate = `{% if tools %}<|user|>Tools: {{ tools | tojson }}<|end|>{% endif %}
    {%- for message in messages %}
      {%- if message.role == 'tool' %}<|user|>{{ message.name }} gave {{ message.content }}<|end|>
      {%- else %}{{ '<|' ~ message.role ~ '|>' ~ message.content }}
        {%- for call in message.tool_calls or [] %} call {{ call.function.name }}
          {%- for name, value in call.function.arguments | items %} {{ name }}={{ value }}{% endfor %}
        {%- endfor %}<|end|>
      {%- endif %}
    {%- endfor %}<|assistant|>`;
  const tools = [{ type: "function", function: { name: "multiply" } }];
  const call = { type: "function", function: { name: "multiply", arguments: { a: 3, b: 12 } } };
  const result: ChatMessage = { role: "tool", name: "multiply", content: "36" };

  const asked = { role: "assistant" as const, content: "", tool_calls: [call] };
  await engine.chat([user(first), asked, result], { chatTemplate, tools, maxTokens: 1 });
  const text = engine.detokenize((await state()).tokens);
  expect(text).toContain('Tools: [{"type": "function", "function": {"name": "multiply"}}]');
  expect(text).toMatch(/call multiply a=3 b=12\s*multiply gave 36/);

  const session = engine.createChatSession({ chatTemplate, tools });
  const { stats, tokens } = await session.send(first, brief);
  const answer = await session.send(result, brief);
  expect(answer.stats.reusedTokens).toBe(stats.promptTokens + tokens.length - 1);
  expect(session.history.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "assistant",
  ]);
});

describe("in a small context", () => {
  let small: Engine;

  beforeAll(async () => {
    small = await demoEngine({
      target: {
        path: path.join(path.dirname(demoDraft), "target.gguf"),
        threads,
        contextSize: 128,
      },
    });
  });

  afterAll(async () => {
    await small.dispose();
  });

  test("a long history loses its oldest turns and not its system message, and says so", async () => {
    const session = small.createChatSession({ system: "Be brief." });
    const drops: number[] = [];
    let reused = 0;
    for (let turn = 0; turn < 14; ++turn) {
      const before = drops.at(-1) ?? 0;
      const { dropped, stats } = await session.send(`${turn}: How many?`, { maxTokens: 6 });
      drops.push(dropped);
      if (dropped === before) reused += 1;
      if (turn > 0 && dropped === before) expect(stats.reusedTokens).toBeGreaterThan(20);
      expect(stats.promptTokens + 6).toBeLessThanOrEqual(128);
    }
    expect(drops).toEqual([...drops].sort((a, b) => a - b));
    expect(drops.at(-1)).toBeGreaterThan(0);
    expect(drops.every((dropped) => dropped % 2 === 0)).toBe(true);
    expect(reused).toBeGreaterThan(8); // most turns behind one that dropped need not drop
    expect(session.history).toHaveLength(29);
    const text = small.detokenize((await state(small)).tokens);
    expect(text).toMatch(/^\s*Be brief\./);
    expect(text).not.toContain(" 0: How");
    expect(text).toContain("13: How");
  });

  test("a message that does not fit is ERR_CONTEXT_FULL, and the history is as it was", async () => {
    const session = small.createChatSession();
    await session.send("Hello", { maxTokens: 5 });
    const before = session.history;
    await rejection(session.send("word ".repeat(200)), "ERR_CONTEXT_FULL");
    expect(session.history).toEqual(before);
    await expect(session.send("Hello", { maxTokens: 5 })).resolves.toBeDefined();
  });
});

test("a model without a template is ERR_NO_CHAT_TEMPLATE, and chatTemplate gives it one", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const file = path.join(folder, "model.gguf");
  const bytes = readFileSync(demoDraft).toString("latin1");
  writeFileSync(
    file,
    bytes.replace("tokenizer.chat_template", "tokenizer.chat_nothings"),
    "latin1",
  );
  const bare = await createEngine({ target: { path: file, threads } });
  await rejection(bare.chat([user(first)]), "ERR_NO_CHAT_TEMPLATE");
  const chatTemplate = "<|user|>{{ messages[0].content }}<|assistant|>";
  const session = bare.createChatSession({ chatTemplate });
  expect((await session.send(first, brief)).stats.promptTokens).toBe(
    bare.tokenize(inChatForm(first)).length,
  );
  await bare.dispose();
  rmSync(folder, { recursive: true });
});

test("a template that throws or loops costs an error and nothing else", async () => {
  const chatTemplate = `{% if messages | length > 2 %}{{ raise_exception('no more') }}{% endif %}
    <|user|>{{ messages[0].content }}<|assistant|>`;
  const session = engine.createChatSession({ chatTemplate });
  await session.send(first, brief);
  const before = session.history;
  const error = await rejection(session.send(second), "ERR_CHAT_TEMPLATE");
  expect(error.message).toContain("no more");
  expect(session.history).toEqual(before);
  const endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
  await rejection(engine.chat([user(first)], { chatTemplate: endless }), "ERR_CHAT_TEMPLATE");
  await expect(chat.send(first, brief)).resolves.toBeDefined();
});

test("an aborted answer stays as far as it came, and the conversation goes on", async () => {
  const controller = new AbortController();
  let text = "";
  const answering = (async () => {
    for await (const chunk of chat.stream(first, { signal: controller.signal })) {
      text += chunk.text;
      if (text.length > 10) controller.abort();
    }
  })();
  const error = await rejection(answering, "ERR_ABORTED");
  expect(error.partial?.text).toBe(text);
  expect(chat.history).toEqual([user(first), { role: "assistant", content: text }]);
  const { stats } = await chat.send(second, brief);
  expect(stats.reusedTokens).toBeGreaterThan(engine.tokenize(inChatForm(first)).length);
});

test("leaving an answer early keeps what there was; an abort before it keeps nothing", async () => {
  for await (const chunk of chat.stream(first)) {
    expect(chat.history).toEqual([]);
    expect(chunk.text).not.toBe("");
    break;
  }
  expect(chat.history).toHaveLength(2);
  await rejection(chat.send(second, { signal: AbortSignal.abort() }), "ERR_ABORTED");
  expect(chat.history).toHaveLength(2);
});

test("reset forgets all but the beginning, also the answer under way", async () => {
  const beginning = [user("Hello"), { role: "assistant" as const, content: " Hello." }];
  const session = engine.createChatSession({ system: "Be brief.", history: beginning });
  await session.send(first, brief);
  const answering = session.stream(second, brief);
  await answering.next();
  session.reset();
  await answering.return(undefined as never);
  expect(session.history).toEqual([{ role: "system", content: "Be brief." }, ...beginning]);
});

test("dispose ends an answer under way and what comes after, and leaves the engine", async () => {
  const answering = chat.stream(first);
  await answering.next();
  chat.dispose();
  await rejection(answering.next(), "ERR_DISPOSED");
  await rejection(chat.send(second), "ERR_DISPOSED");
  await expect(engine.chat([user(first)], brief)).resolves.toBeDefined();
});

test.each<[string, unknown, object]>([
  ["no messages", [], {}],
  ["a text", "Hello", {}],
  ["a message without a role", [{ content: "a" }], {}],
  ["an unknown role", [{ role: "boss", content: "a" }], {}],
  ["a message without content", [{ role: "user" }], {}],
  ["a lone surrogate", [user("a\ud800b")], {}],
  ["a function in a message", [{ ...user("a"), call: () => 1 }], {}],
  ["an unknown option", [user("a")], { parseSpecial: true }],
  ["a template that is none", [user("a")], { chatTemplate: 5 }],
  ["tools that are none", [user("a")], { tools: {} }],
  ["variables that are none", [user("a")], { templateVariables: [] }],
])("%s is refused", async (_, messages, options) => {
  await rejection(engine.chat(messages as ChatMessage[], options), "ERR_INVALID_ARGUMENT");
});

test("a session refuses what is no message, and unknown options", async () => {
  for (const bad of [5, [], {}, undefined]) {
    await rejection(chat.send(bad as never), "ERR_INVALID_ARGUMENT");
  }
  await rejection(chat.send("a", { tools: [] } as object), "ERR_INVALID_ARGUMENT");
  for (const bad of [{ sistem: "a" }, { system: 5 }, { history: "a" }]) {
    expect(() => engine.createChatSession(bad as object)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error,
    );
  }
});

test("an engine that is disposed of ends what its sessions do", async () => {
  const own = await demoEngine();
  const session = own.createChatSession();
  const answering = session.stream(first);
  await answering.next();
  await own.dispose();
  await rejection(answering.next(), "ERR_DISPOSED");
  await rejection(session.send(second), "ERR_DISPOSED");
  await rejection(own.chat([user(first)]), "ERR_DISPOSED");
});
