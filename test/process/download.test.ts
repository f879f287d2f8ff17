// Models by name: the real downloader against a server on this machine, which cuts, lies and goes away.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { createEngine, type DownloadProgress, resolveModel } from "../../lib";
import { demoDraft, shippedTarget, prompt, threads } from "../support/demo";
import { rejection } from "../support/expect-error";
import { ModelServer } from "../support/model-server";
import { splitGguf } from "../support/split-gguf";
import { run } from "./child";
import { RunningCli } from "./cli";
import { mountDisk } from "./disk";

const draft = readFileSync(demoDraft);
const target = readFileSync(shippedTarget);

let folder: string;
let server: ModelServer;
const { HF_ENDPOINT } = process.env;

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  server = await ModelServer.start(
    {
      "user/pair-GGUF/draft-q8.gguf": draft,
      "user/pair-GGUF/split/draft-00001-of-00002.gguf": splitGguf(draft)[0],
      "user/pair-GGUF/split/draft-00002-of-00002.gguf": splitGguf(draft)[1],
      "models/target.gguf": target,
      "page.gguf": Buffer.from("<html>Please log in</html>"),
    },
    { "user/pair-GGUF:Q8_0": "draft-q8.gguf" },
  );
  process.env.HF_ENDPOINT = server.hub;
});

afterEach(async () => {
  if (HF_ENDPOINT === undefined) delete process.env.HF_ENDPOINT;
  else process.env.HF_ENDPOINT = HF_ENDPOINT;
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const files = (): string[] => readdirSync(folder).sort();

/** A text by the demo draft, from wherever it is. */
async function textOf(model: string): Promise<string> {
  await using engine = await createEngine({
    target: { path: model, threads },
    modelsDirectory: folder,
  });
  return (await engine.generate(prompt, { maxTokens: 12 })).text;
}

test("an engine takes a model of the hub by name, and then finds it without a network", async () => {
  const seen: DownloadProgress[] = [];
  const file = await resolveModel("hf:user/pair-GGUF:Q8_0", {
    modelsDirectory: folder,
    onDownloadProgress: (progress) => seen.push(progress),
  });
  expect(readFileSync(file).equals(draft)).toBe(true);
  expect(seen.at(-1)).toEqual({
    uri: "hf:user/pair-GGUF:Q8_0",
    downloadedBytes: draft.length,
    totalBytes: draft.length,
  });
  await server.close();
  expect(await textOf("hf:user/pair-GGUF:Q8_0")).toBe(await textOf(demoDraft));
});

test("a split model comes in all its parts", async () => {
  const text = await textOf("hf:user/pair-GGUF/split/draft-00001-of-00002.gguf");
  expect(text).toBe(await textOf(demoDraft));
  expect(files()).toEqual([
    expect.stringMatching(/draft-00001-of-00002\.gguf$/),
    expect.stringMatching(/draft-00002-of-00002\.gguf$/),
  ]);
});

test("a download that is cut has no file of its name, and the next one fetches the rest", async () => {
  const uri = `${server.url}/models/target.gguf`;
  const { port } = server;
  server.limitBytes = 6 * 2 ** 20; // a chunk has 5 MiB
  const failed = await rejection(
    resolveModel(uri, { modelsDirectory: folder, stallSeconds: 1 }),
    "ERR_DOWNLOAD_FAILED",
  );
  expect(failed.message).toMatch(/ECONNREFUSED|no byte came/);
  expect(files()).toEqual([expect.stringMatching(/target\.gguf\.ipull$/)]);

  server.limitBytes = Infinity;
  server.sentBytes = 0;
  await server.listen(port);
  const file = await resolveModel(uri, { modelsDirectory: folder });
  expect(readFileSync(file).equals(target)).toBe(true);
  expect(server.sentBytes).toBeLessThan(target.length);
  expect(files()).toEqual([path.basename(file)]);
});

test("calls at the same time download once", async () => {
  const uri = `${server.url}/models/target.gguf`;
  const [one, other] = await Promise.all([
    resolveModel(uri, { modelsDirectory: folder }),
    resolveModel(uri, { modelsDirectory: folder }),
  ]);
  expect(one).toBe(other);
  const whole = server.requests.filter((request) => !request.includes("bytes="));
  expect(whole).toEqual(["GET models/target.gguf"]); // each download begins with one
});

test.each([
  [
    "a quantization that is not there",
    "hf:user/pair-GGUF:Q4_0",
    {},
    /answers 404 .*Check the names/,
  ],
  ["a file that is not there", "hf:user/pair-GGUF/nope.gguf", {}, /answers 404 .*nope\.gguf/],
  ["a gated model", "hf:user/pair-GGUF/draft-q8.gguf", { status: 401 }, /answers 401 .*HF_TOKEN/],
  ["a page instead of a model", "/page.gguf", {}, /not the whole model.*GGUF.*deleted/],
  [
    "other content than the hub has",
    "hf:user/pair-GGUF/draft-q8.gguf",
    { sha256: "0".repeat(64) },
    /SHA-256 is .*deleted/,
  ],
  ["nobody there", "http://127.0.0.1:1/model.gguf", {}, /ECONNREFUSED|bad port/],
] as const)("%s is an error that says so, and leaves no file", async (_, uri, answers, message) => {
  Object.assign(server, answers);
  const failed = await rejection(
    resolveModel(uri.startsWith("/") ? server.url + uri : uri, { modelsDirectory: folder }),
    "ERR_DOWNLOAD_FAILED",
  );
  expect(failed.message).toMatch(message);
  expect(files()).toEqual([]);
});

test("a disk that would be full is told of at once", async () => {
  const { bavail, bsize } = statfsSync(folder);
  server.sizeBytes = bavail * bsize + 2 ** 40;
  const failed = await rejection(
    resolveModel(`${server.url}/models/target.gguf`, { modelsDirectory: folder }),
    "ERR_DOWNLOAD_FAILED",
  );
  expect(failed.message).toMatch(/bytes are to come, and \d+ are free in .*modelsDirectory/);
});

test("a disk that fills up meanwhile costs an error, and the download goes on when there is room", async () => {
  const disk = path.join(folder, "disk");
  if (!mountDisk(disk, "16m")) return;
  try {
    const uri = `${server.url}/models/target.gguf`;
    const filler = path.join(disk, "filler");
    server.beforeBytes = () => {
      if (server.sentBytes > 0 && !existsSync(filler)) run("dd", ["if=/dev/zero", `of=${filler}`]);
    };
    const failed = await rejection(
      resolveModel(uri, { modelsDirectory: disk }),
      "ERR_DOWNLOAD_FAILED",
    );
    expect(failed.message).toMatch(/(ENOSPC|are free).*modelsDirectory.*goes on from there/);
    rmSync(filler);
    server.beforeBytes = () => undefined;
    const file = await resolveModel(uri, { modelsDirectory: disk });
    expect(readFileSync(file).equals(target)).toBe(true);
  } finally {
    run("umount", [disk]);
  }
});

test("a write to a full disk fails as a whole, and so does what comes after it", () => {
  const disk = path.join(folder, "disk");
  if (!mountDisk(disk, "1m")) return;
  const script = `
    const { open } = require("node:fs/promises");
    (async () => {
      const { orderWrites } = await import("./dist/download/ordered-writes.mjs");
      await orderWrites();
      const file = await open(${JSON.stringify(path.join(disk, "file"))}, "w+");
      const write = (bytes, at) => file.write(Buffer.alloc(bytes, 1), 0, bytes, at);
      const ends = await Promise.allSettled([
        write(1000, 0),
        write(2 ** 21, 1000), // of which half would be written
        write(10, 0), // which would fit
      ]);
      console.log(ends.map(({ reason, value }) => reason?.code ?? value.bytesWritten).join());
    })();`;
  try {
    expect(run(process.execPath, ["-e", script]).stdout).toBe("1000,ENOSPC,ENOSPC\n");
  } finally {
    run("umount", [disk]);
  }
});

test("what cannot name a model, and what is no option, is refused before any request", async () => {
  await rejection(resolveModel("hf:nobody"), "ERR_INVALID_ARGUMENT");
  const noFunction = { onWait: 5 } as object;
  await rejection(resolveModel("hf:user/pair-GGUF", noFunction), "ERR_INVALID_ARGUMENT");
  await rejection(resolveModel("/no/such/file.gguf"), "ERR_FILE_NOT_FOUND");
  expect(server.requests).toEqual([]);
});

/** Until the downloader notes behind the file's end which chunks it has. */
async function untilBegun(): Promise<void> {
  while (!files().some((name) => sizeOf(name) > target.length)) await setTimeout(20);
}

const sizeOf = (name: string): number =>
  statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0;

test("a second process waits for the first one's download, and goes on with it when that ends", async () => {
  const args = ["pull", `${server.url}/models/target.gguf`, "--models-dir", folder];
  server.limitBytes = 6 * 2 ** 20;
  server.atLimit = "silent";
  const first = new RunningCli(args);
  await untilBegun();
  const requests = server.requests.length;
  const second = new RunningCli(args);
  await second.until("stderr", /target\.gguf: waiting for another download of it to end/);
  expect(server.requests).toHaveLength(requests);

  first.kill("SIGINT");
  expect(await first.end()).toMatchObject({ status: 130 });
  server.limitBytes = Infinity;
  server.sentBytes = 0;
  expect(await second.end()).toMatchObject({ status: 0 });
  expect(readFileSync(second.stdout.trim()).equals(target)).toBe(true);
  expect(server.sentBytes).toBeLessThan(target.length);
  expect(files()).toEqual([path.basename(second.stdout.trim())]);
});

test("a lock that a killed process has left does not last", async () => {
  const uri = `${server.url}/models/target.gguf`;
  const lock = path.join(
    folder,
    path.basename(await resolveModel(uri, { modelsDirectory: folder })),
  );
  rmSync(lock);
  mkdirSync(`${lock}.lock`);
  const before = Date.now() / 1000 - 20;
  utimesSync(`${lock}.lock`, before, before);
  const file = await resolveModel(uri, { modelsDirectory: folder });
  expect(readFileSync(file).equals(target)).toBe(true);
  expect(files()).toEqual([path.basename(file)]);
});

test("Ctrl-C ends pull with 130, and the same command goes on and prints the path", async () => {
  const args = ["pull", `${server.url}/models/target.gguf`, "--models-dir", folder];
  server.limitBytes = 6 * 2 ** 20;
  server.atLimit = "silent";
  const interrupted = new RunningCli(args);
  await untilBegun();
  interrupted.kill("SIGINT");
  expect(await interrupted.end()).toEqual({ status: 130, signal: null });
  expect(files()).toEqual([expect.stringMatching(/\.ipull$/)]);

  server.limitBytes = Infinity;
  server.sentBytes = 0;
  const again = new RunningCli(args);
  expect(await again.end()).toMatchObject({ status: 0 });
  const file = again.stdout.trim();
  expect(existsSync(file) && readFileSync(file).equals(target)).toBe(true);
  expect(server.sentBytes).toBeLessThan(target.length);
});
