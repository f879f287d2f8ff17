import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "./child";
import { launchChromium } from "./chromium";
import { cli, draft, RunningCli, target, TypedCli } from "./cli";
import { terminalPage } from "./terminal-page";

const brief = ["chat", "--threads", "1", "--max-tokens", "20", "--stop", "fixed:4"];
const prompt = /> \x1b\[3G/; // eslint-disable-line no-control-regex -- what a terminal gets
const question = "Tom has 12 apples. He buys 8 more. How many apples has he?";
const ctrlC = "\x03";
const ctrlD = "\x04";
const left = "\x1b[D";
const up = "\x1b[A";
const green = "\x1b[32m";

let folder: string;
/** A target slow enough that no answer of it ends before it is interrupted. */
let slow: string[];

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  const deep = path.join(folder, "deep.gguf");
  expect(cli(["deepen", target, deep, "--layers", "60"]).status).toBe(0);
  slow = ["chat", "--target", deep, "--draft", draft, "--threads", "1"];
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const status = /\[20 tokens, [\d.]+ tokens\/s, [\d.]+ tokens per target pass.*\]/;

test("a conversation in a terminal: answers, their figures, commands, colours, the end", async () => {
  const chat = new TypedCli(brief);
  const introduction = await chat.until(prompt);
  expect(introduction).toContain("The embedded pair answers");
  expect(introduction).toContain("/help");

  chat.type("/stats\r");
  expect(await chat.until(prompt)).toContain("There is no answer yet.");
  chat.type(`${question}\r`);
  const answer = await chat.until(prompt);
  expect(stripVTControlCharacters(answer)).toMatch(status);
  expect(answer).not.toContain(green);

  chat.type("/explain\r");
  expect(stripVTControlCharacters(await chat.until(prompt))).toContain("drafted and accepted");
  chat.type(`${question}\r`);
  expect(await chat.until(prompt)).toContain(green);
  chat.type("/explain\r");
  await chat.until(prompt);

  chat.type("/stats\r");
  expect(await chat.until(prompt)).toMatch(/Accepted, by position[^]*Why drafting stopped/);
  chat.type("/help\r");
  expect(await chat.until(prompt)).toMatch(/\/explain[^]*\/stats[^]*\/reset[^]*\/quit[^]*Ctrl-C/);

  // Forgotten: the first answer again.
  chat.type("/reset\r");
  expect(await chat.until(prompt)).toContain("forgotten");
  chat.type(`${question}\r`);
  const lines = (text: string): string[] => stripVTControlCharacters(text).split(/\r+\n/);
  expect(lines(await chat.until(prompt))[1]).toBe(lines(answer)[1]);

  chat.type("/quit\r");
  expect(await chat.end()).toBe(0);
});

test("lines are edited, come back from the history, and are one message when pasted at once", async () => {
  const chat = new TypedCli(brief);
  await chat.until(prompt);
  for (const [keys, echo] of [
    ["/hep", /hep/],
    [left, /\[1D/],
    ["l", /help/],
  ] as const) {
    chat.type(keys);
    await chat.until(echo);
  }
  chat.type("\r");
  expect(await chat.until(prompt)).toContain("/reset");
  chat.type(`${up}\r`);
  expect(await chat.until(prompt)).toContain("/reset");
  chat.type("Tom has 12 apples.\rHe buys 8 more.\r");
  await chat.until(prompt);
  chat.type(ctrlD);
  expect(await chat.end()).toBe(0);
  expect(chat.screen.match(/tokens per target pass/g)).toHaveLength(1);
});

test("Ctrl-C stops an answer and not the program, and what is typed meanwhile waits", async () => {
  const chat = new TypedCli(slow);
  await chat.until(prompt);
  chat.type("Once upon a time\r");
  await chat.until(/time\r+\n[^]*\w+/);
  chat.type("/sta");
  chat.type(ctrlC);
  expect(stripVTControlCharacters(await chat.until(/\[stopped\]/))).toMatch(
    /tokens per target pass/,
  );
  await chat.until(/\/sta/);
  chat.type("ts\r");
  expect(await chat.until(prompt)).toContain("Why drafting stopped");

  chat.type("half a line");
  await chat.until(/half a line/);
  chat.type(ctrlC); // clears it
  chat.type(ctrlC);
  await chat.until(/Ctrl-C again[^]*> /);
  chat.type(ctrlC);
  expect(await chat.end()).toBe(0);
});

test("in a pipe each line is a message, and the answers alone go to stdout", () => {
  const input = `${question}\n\n/nonsense\n${question}`;
  const result = cli(brief, { input });
  expect(result.status).toBe(0);
  expect(result.stderr).toBe("There is no command /nonsense; /help lists them.\n");
  const first = cli(brief, { input: question });
  expect(result.stdout.startsWith(first.stdout)).toBe(true);
  expect(result.stdout.length).toBeGreaterThan(first.stdout.length);
  expect(first.stdout).toMatch(/^\S[^]*\n$/);
});

test("in a pipe an error ends it with exit code 1, after the answers before it", () => {
  const args = [...brief, "--target", target, "--draft", draft, "--context-size", "64"];
  const full = cli(args, { input: `${question}\n${"word ".repeat(100)}\n${question}\n` });
  expect(full.status).toBe(1);
  expect(full.stderr).toMatch(/ERR_CONTEXT_FULL/);
  expect(full.stdout).not.toBe("");

  const template = path.join(folder, "template.jinja");
  writeFileSync(template, "{{ raise_exception('not today') }}");
  const refusing = cli([...brief, "--chat-template", template], { input: "a\n" });
  expect(refusing).toMatchObject({ status: 1, stdout: "" });
  expect(refusing.stderr).toMatch(/ERR_CHAT_TEMPLATE.*not today/);
  const missing = cli([...brief, "--chat-template", path.join(folder, "none")], { input: "a\n" });
  expect(missing.status).toBe(1);
  expect(missing.stderr).toMatch(/ERR_FILE_NOT_FOUND/);
});

test.each([
  [["--draft", draft], /target/],
  [["--temperature", "-1"], /temperature must be/],
  [["--target", target, "--stop", "fixed:2"], /needs a draft/],
])("%j is a usage error, before a model is loaded", (args, message) => {
  const result = cli(["chat", ...args], { input: "a\n" });
  expect(result).toMatchObject({ status: 2, stdout: "" });
  expect(result.stderr).toMatch(message);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("in a pipe %s ends it with exit code %i", async (signal, code) => {
  const running = new RunningCli(slow);
  running.type("Once upon a time\n");
  await running.until("stdout", /./);
  running.kill(signal);
  expect(await running.end()).toEqual({ status: code, signal: null });
});

// npm run screenshots
if (process.env.SPECDECPP_SCREENSHOTS) {
  test("screenshots of a conversation with /explain and /stats", async () => {
    const chat = new TypedCli(["chat", "--max-tokens", "60", "--stop", "schedule"]);
    await chat.until(prompt);
    for (const line of ["/explain", question, "/stats"]) {
      chat.type(`${line}\r`);
      await chat.until(prompt);
    }
    chat.type(ctrlD);
    await chat.end();
    const start = chat.screen.indexOf("The embedded pair answers");
    const text = chat.screen.slice(start, chat.screen.lastIndexOf("> ")).trimEnd();
    const browser = await launchChromium();
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1000, height: 400 } });
      await page.setContent(terminalPage(text));
      const image = path.join(root, `docs/images/chat-${colorScheme}.png`);
      await page.locator("pre").screenshot({ path: image });
    }
    await browser.close();
  });
}
