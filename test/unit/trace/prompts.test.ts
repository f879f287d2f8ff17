import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readPrompts } from "../../../lib/trace/prompts";
import { rejection } from "../../support/expect-error";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string | Uint8Array): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

const lines = (...values: unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

test("JSON lines of the usual data sets", async () => {
  const name = file(
    "sets.jsonl",
    lines(
      { prompt: "a" },
      { question: "b", answer: "x" },
      { task_id: "HumanEval/0", prompt: "c\n" },
      { instruction: "d", input: "", output: "x" },
      { instruction: "e", input: "f" },
    ),
  );
  expect(await readPrompts(name)).toEqual(["a", "b", "c\n", "d", "e\n\nf"]);
});

test("plain text has a prompt a line; blank lines and a byte order mark are none", async () => {
  expect(await readPrompts(file("p.txt", "\u{FEFF}one\r\n\n  two\n \n"))).toEqual(["one", "  two"]);
});

test("a template is put around each prompt, whatever signs the prompt has", async () => {
  const name = file("p2.txt", "a $& b\n");
  expect(await readPrompts(name, "<|user|>{prompt}<|assistant|>")).toEqual([
    "<|user|>a $& b<|assistant|>",
  ]);
});

test("a file that is not there", async () => {
  const error = await rejection(readPrompts(path.join(folder, "none.txt")), "ERR_FILE_NOT_FOUND");
  expect(error.message).toContain("none.txt");
});

test.each(["", "\n \n"])("a file without prompts: %j", async (content) => {
  const error = await rejection(readPrompts(file("e.txt", content)), "ERR_INVALID_ARGUMENT");
  expect(error.message).toContain("no prompts");
});

test.each([
  ["is not JSON", '{"prompt": "a"}\n\n{"prompt": \n', "line 3"],
  ["there is no text under", '{"prompt": "a"}\n{"text": "b"}\n', "line 2"],
  ["there is no text under", '"prompt"\n', "line 1"],
  ["there is no text under", "null\n", "line 1"],
  ["there is no text under", '{"prompt": 7}\n', "line 1"],
  ["there is no text under", '{"prompt": " "}\n', "line 1"],
  ["half of a character", '{"prompt": "\\ud800"}\n', "line 1"],
])("a line that %s is named", async (what, content, line) => {
  const error = await rejection(readPrompts(file("bad.jsonl", content)), "ERR_INVALID_ARGUMENT");
  expect(error.message).toContain(what);
  expect(error.message).toContain(line);
});

test("a template without a place for the prompt", async () => {
  const name = file("t.txt", "a\n");
  const error = await rejection(readPrompts(name, "{promt}"), "ERR_INVALID_ARGUMENT");
  expect(error.message).toContain('a text with "{prompt}" in it');
});

test("a file that is not text", async () => {
  const name = file("model.bin", Uint8Array.of(0x47, 0xff, 0xfe, 0x80));
  const error = await rejection(readPrompts(name), "ERR_INVALID_ARGUMENT");
  expect(error.message).toContain("UTF-8");
});
