import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { readTrace, readTraceHeader, type TraceHeader } from "../../../lib";
import { encodeRecord, type StoredRecord } from "../../../lib/trace/record";
import { TraceWriter } from "../../../lib/trace/writer";
import { rejection } from "../../support/expect-error";

let temporary: string;
let folder: string;

beforeEach(() => {
  temporary = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  folder = temporary;
});

afterEach(() => {
  rmSync(temporary, { recursive: true, force: true });
});

const header: TraceHeader = {
  format: 1,
  mode: "rounds",
  fingerprints: { target: "t", draft: "d", vocabulary: "v" },
  models: { target: "target.gguf", draft: "draft.gguf" },
  sampling: { temperature: 1, topK: 0 },
  verifier: "rejection",
  seed: 1,
  maxDraft: 3,
  stateWidth: 0,
  maxTokens: 10,
  prompts: { file: "prompts.jsonl", from: 0, count: 4, fingerprint: "p" },
  promptsPerShard: 1,
  arrays: [],
};

function record(prompt: number): StoredRecord {
  const floats = Float32Array.of(prompt, 0.5);
  return {
    prompt,
    promptTokens: 2,
    replyTokens: Int32Array.of(5, 6),
    drafted: Uint8Array.of(2, 0),
    mixed: new Uint8Array(2),
    token: Int32Array.of(5, 7),
    accepted: Uint8Array.of(1, 0),
    ...{ ratio: floats, logq: floats, mode: floats, margin: floats, entropy: floats },
    states: new Uint16Array(),
  };
}

async function write(from: number, to: number, given = header): Promise<TraceWriter> {
  const writer = await TraceWriter.open(folder, given);
  for (let prompt = from; prompt < to; ++prompt) {
    await writer.add(encodeRecord(record(prompt)), 2);
    await writer.finishShard(prompt, prompt + 1);
  }
  return writer;
}

async function prompts(): Promise<number[]> {
  const found: number[] = [];
  for await (const { prompt } of readTrace(folder)) found.push(prompt);
  return found;
}

const file = (name: string): string => path.join(folder, name);
const shard = (number: number): string => file(`shard-0000${number}.bin`);

/** Of every file. */
function contents(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(file(name)))
        .digest("hex"),
    ]),
  );
}

test("what is written is read, in order", async () => {
  await write(0, 3);
  expect(await readTraceHeader(folder)).toEqual(header);
  expect(await prompts()).toEqual([0, 1, 2]);
  for await (const read of readTrace(folder)) {
    expect(read).not.toHaveProperty("mixed"); // that is of mode paper
    expect(record(read.prompt)).toMatchObject(read);
  }
});

test("a folder in a folder that is not there is made", async () => {
  folder = path.join(folder, "a", "b");
  await write(0, 1);
  expect(await prompts()).toEqual([0]);
});

test("a shard that is not finished is not there, and close removes it", async () => {
  const writer = await write(0, 2);
  await writer.add(encodeRecord(record(2)), 2);
  expect(await prompts()).toEqual([0, 1]);
  expect(readdirSync(folder)).toContain("shard-00002.bin.partial");
  await writer.close();
  expect(readdirSync(folder)).not.toContain("shard-00002.bin.partial");
});

describe("going on", () => {
  let whole: Record<string, string>;

  beforeEach(async () => {
    await write(0, 4);
    whole = contents();
  });

  /** Goes on with what there is, to the end. */
  async function goOn(from: number): Promise<void> {
    const writer = await TraceWriter.open(folder, header);
    expect(writer.next ?? 0).toBe(from);
    await write(from, 4);
    expect(contents()).toEqual(whole);
  }

  test("with a trace that is complete there is nothing to do", () => goOn(4));

  test("after a kill before the index has its line", async () => {
    truncateSync(file("index.jsonl"), readFileSync(file("index.jsonl"), "utf8").indexOf("\n") + 1);
    await goOn(1);
  });

  test("after a kill within a line of the index", async () => {
    truncateSync(file("index.jsonl"), readFileSync(file("index.jsonl")).length - 1);
    await goOn(3);
  });

  test("after a kill before the first shard", async () => {
    for (const name of readdirSync(folder)) if (name !== "header.json") rmSync(file(name));
    await goOn(0);
  });

  test("after a kill while the header was written", async () => {
    for (const name of readdirSync(folder)) rmSync(file(name));
    writeFileSync(file("header.json.partial"), "{");
    await goOn(0);
  });

  test.each(["shard-00002.bin.partial", "index.jsonl.partial", "header.json.partial"])(
    "what a kill has left of %s goes away",
    async (name) => {
      writeFileSync(file(name), "half");
      await goOn(4);
    },
  );

  test("from the first shard that is missing", async () => {
    rmSync(shard(1));
    await goOn(1);
  });

  test("from the first shard that is shorter than it was", async () => {
    truncateSync(shard(2), 10);
    await goOn(2);
  });

  test("other paths of the same files are the same trace", async () => {
    const moved = {
      ...header,
      models: { target: "/else/t.gguf", draft: "/else/d.gguf" },
      prompts: { ...header.prompts, file: "/else/prompts.jsonl" },
    };
    await TraceWriter.open(folder, moved);
    expect(contents()).toEqual(whole);
  });

  test.each([
    ["the seed", { seed: 2 }, "seed is 1 there and 2 here"],
    ["the mode", { mode: "walk" as const }, 'mode is "rounds" there and "walk" here'],
    [
      "a setting",
      { sampling: { temperature: 0.5, topK: 0 } },
      "temperature is 1 there and 0.5 here",
    ],
    [
      "the target",
      { fingerprints: { ...header.fingerprints, target: "x" } },
      "the target is another",
    ],
    ["the prompts", { prompts: { ...header.prompts, fingerprint: "x" } }, "the prompts are others"],
    [
      "a template",
      { prompts: { ...header.prompts, template: "{prompt}." } },
      'template is none there and "{prompt}." here',
    ],
  ])("%s that differs is refused, and nothing is touched", async (_, change, message) => {
    const error = await rejection(
      TraceWriter.open(folder, { ...header, ...change }),
      "ERR_TRACE_MISMATCH",
    );
    expect(error.message).toContain(message);
    expect(contents()).toEqual(whole);
  });
});

describe("folders that are no trace", () => {
  test("one that is not there cannot be read", async () => {
    folder = path.join(folder, "none");
    await rejection(prompts(), "ERR_FILE_NOT_FOUND");
  });

  test("one of other files is neither read nor written to", async () => {
    writeFileSync(file("thesis.txt"), "");
    await rejection(prompts(), "ERR_FILE_NOT_FOUND");
    const error = await rejection(TraceWriter.open(folder, header), "ERR_WRITE");
    expect(error.message).toContain("thesis.txt");
    expect(readdirSync(folder)).toEqual(["thesis.txt"]);
  });

  test.each(["", "{", "[]", "7", '{"name": "package"}'])("the header is %j", async (text) => {
    writeFileSync(file("header.json"), text);
    await rejection(prompts(), "ERR_TRACE_BROKEN");
    await rejection(TraceWriter.open(folder, header), "ERR_TRACE_BROKEN");
  });

  test("a trace of a later format says so", async () => {
    await write(0, 1);
    writeFileSync(file("header.json"), JSON.stringify({ ...header, format: 2 }));
    expect((await rejection(prompts(), "ERR_TRACE_BROKEN")).message).toContain("format is 2");
  });
});

describe("broken shards", () => {
  beforeEach(async () => {
    await write(0, 3);
  });

  const reading = async (): Promise<string> =>
    (await rejection(prompts(), "ERR_TRACE_BROKEN")).message;

  test("one that is cut is named, and those before it are read", async () => {
    truncateSync(shard(1), 20);
    const found: number[] = [];
    const all = async (): Promise<void> => {
      for await (const { prompt } of readTrace(folder)) found.push(prompt);
    };
    const { message } = await rejection(all(), "ERR_TRACE_BROKEN");
    expect(message).toContain("shard-00001.bin has 20 bytes instead of");
    expect(found).toEqual([0]);
  });

  test("one that is missing", async () => {
    rmSync(shard(2));
    expect(await reading()).toContain("shard-00002.bin is not there");
  });

  test("one that is longer", async () => {
    appendFileSync(shard(0), "x");
    expect(await reading()).toContain("shard-00000.bin has");
  });

  test("one with a byte that changed", async () => {
    const bytes = readFileSync(shard(1));
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    writeFileSync(shard(1), bytes);
    expect(await reading()).toContain("shard-00001.bin does not have the content");
  });

  test.each(["rubbish", "{}", '{"file":"shard-00007.bin","from":0,"to":1,"rows":1,"bytes":1}'])(
    "a line of the index that is %s",
    async (line) => {
      appendFileSync(file("index.jsonl"), `${line}\n`);
      expect(await reading()).toContain("line 4 of index.jsonl");
    },
  );

  test("an index that tells of other prompts", async () => {
    const text = readFileSync(file("index.jsonl"), "utf8").replace(
      '"from":1,"to":2',
      '"from":5,"to":6',
    );
    writeFileSync(file("index.jsonl"), text);
    expect(await reading()).toContain("a record is of prompt 1, not 5 to 5");
  });
});

test("a folder that cannot be made is told of", async () => {
  writeFileSync(file("file"), "");
  folder = path.join(folder, "file", "trace");
  const error = await rejection(TraceWriter.open(folder, header), "ERR_WRITE");
  expect(error.message).toContain("Cannot write the trace");
});
