// Files of prompts: JSON lines of the usual data sets, or plain text with a prompt a line.

import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { invalid } from "../checks";
import { SpecdecError } from "../errors";

/** Where the prompt stands in a line's object: HumanEval, GSM8K, Alpaca. */
const fields = ["prompt", "question", "instruction"] as const;

/** What a template has in place of the prompt. */
const promptMark = "{prompt}";

/**
 * The prompts of a file, in order, without blank lines; `template` is put around each. Throws
 * ERR_FILE_NOT_FOUND, or ERR_INVALID_ARGUMENT with the number of the line.
 */
export async function readPrompts(file: string, template = promptMark): Promise<string[]> {
  const fail = (what: string, line?: number): never => {
    const place = line === undefined ? "" : `, line ${line}`;
    throw new SpecdecError("ERR_INVALID_ARGUMENT", `${file}${place}: ${what}`);
  };
  if (!template.includes(promptMark)) {
    throw invalid("template", `a text with "${promptMark}" in it`, template);
  }
  const bytes = await readBytes(file);
  if (!isUtf8(bytes)) fail("it is not text in UTF-8. Give a text file.");
  const asJson = path.extname(file).toLowerCase() === ".jsonl";
  const prompts = bytes
    .toString("utf8")
    .replace(/^\u{FEFF}/u, "")
    .split(/\r?\n/)
    .flatMap((line, i) => {
      if (line.trim() === "") return [];
      const prompt = asJson ? promptOf(line, (what) => fail(what, i + 1)) : line;
      if (!prompt.isWellFormed()) fail("the prompt has half of a character.", i + 1);
      return [template.split(promptMark).join(prompt)];
    });
  if (prompts.length === 0) fail("it has no prompts. Give a file with a prompt a line.");
  return prompts;
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `The prompts' file ${file} cannot be read: ${(cause as Error).message}. Check the path; relative ones start at ${process.cwd()}.`,
      { cause },
    );
  }
}

function promptOf(line: string, fail: (what: string) => never): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    fail(`it is not JSON (${(error as Error).message}). Give an object a line.`);
  }
  const object = (typeof value === "object" ? value : null) as Record<string, unknown> | null;
  const field = fields.find((name) => object?.[name] !== undefined);
  const prompt = field === undefined ? undefined : object?.[field];
  if (typeof prompt !== "string" || prompt.trim() === "") {
    return fail(`there is no text under "${fields.join('", "')}" in it.`);
  }
  // Alpaca's instructions may come with an input.
  const input = field === "instruction" ? object?.input : undefined;
  return typeof input === "string" && input !== "" ? `${prompt}\n\n${input}` : prompt;
}
