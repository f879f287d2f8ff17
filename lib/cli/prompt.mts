import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { SpecdecError } from "../index.js";

/** Where a prompt may come from; "-" is stdin. */
export interface PromptSources {
  prompt?: string | undefined;
  file?: string | undefined;
  input?: string | undefined;
}

/** The prompt from the one source that is given, as it is. */
export async function readPrompt({ prompt, file, input }: PromptSources): Promise<string> {
  const given = [prompt, file, input].filter((source) => source !== undefined);
  if (given.length !== 1) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `A prompt is needed from one source, but ${given.length} are given: use one of --prompt TEXT, --file FILE, or - for stdin.`,
    );
  }
  if (prompt !== undefined) return prompt;
  const path = file ?? "-";
  if (path === "-") return decode("stdin", await buffer(process.stdin));
  return decode(path, await readExisting(path));
}

async function readExisting(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `Cannot read the prompt from ${path}: ${(cause as Error).message}. Check the path.`,
      { cause },
    );
  }
}

function decode(source: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `The prompt from ${source} is not valid UTF-8. Convert it, for example with iconv.`,
      { cause },
    );
  }
}
