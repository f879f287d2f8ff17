import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import type { SpecdecError, TraceHeader } from "../../../lib";
import { lockFolder } from "../../../lib/trace/lock";
import { TraceWriter } from "../../../lib/trace/writer";
import { rejection } from "../../support/expect-error";

let temporary: string;
let folder: string;
let lockPath: string;

beforeEach(() => {
  temporary = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  folder = path.join(temporary, "trace");
  lockPath = path.join(folder, "writer.lock");
});

afterEach(() => {
  rmSync(temporary, { recursive: true, force: true });
});

test("a folder has one writer at a time", async () => {
  const lock = await lockFolder(folder);
  await rejection(lockFolder(folder), "ERR_BUSY");
  await rejection(lockFolder(path.join(folder, "..", "trace")), "ERR_BUSY");
  await lock[Symbol.asyncDispose]();
  await (await lockFolder(folder))[Symbol.asyncDispose]();
});

test("a folder that was made for it goes with it, unless something has been written", async () => {
  await (await lockFolder(folder))[Symbol.asyncDispose]();
  expect(existsSync(folder)).toBe(false);
  const lock = await lockFolder(folder);
  writeFileSync(path.join(folder, "file"), "");
  await lock[Symbol.asyncDispose]();
  expect(readdirSync(folder)).toEqual(["file"]);
});

test("a folder that was there stays", async () => {
  mkdirSync(folder);
  await (await lockFolder(folder))[Symbol.asyncDispose]();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["an hour ago", -3600],
  ["now", 0],
  ["an hour from now, by a clock that was set back since,", 3600],
])("a lock whose holder was last alive %s does not last", async (_, seconds) => {
  mkdirSync(lockPath, { recursive: true });
  const sign = Date.now() / 1000 + seconds;
  utimesSync(lockPath, sign, sign);
  await (await lockFolder(folder))[Symbol.asyncDispose]();
  expect(existsSync(lockPath)).toBe(false);
});

test("waiting for a holder to be seen dead or alive can be aborted", async () => {
  mkdirSync(lockPath, { recursive: true });
  const controller = new AbortController();
  const waiting = lockFolder(folder, controller.signal);
  await setTimeout(400); // it looks every 250 ms
  controller.abort();
  const ended = await Promise.race([rejection(waiting, "ERR_ABORTED"), setTimeout(2500)]);
  expect(ended).toBeDefined(); // a holder is taken for dead after 5 s
  expect(existsSync(lockPath)).toBe(true);
});

test("a folder that was made for a lock that is not taken goes again", async () => {
  await rejection(lockFolder(folder, AbortSignal.abort()), "ERR_ABORTED");
  expect(existsSync(folder)).toBe(false);
});

test("a folder that cannot be made is told of", async () => {
  writeFileSync(folder, "a file");
  await rejection(lockFolder(folder), "ERR_WRITE");
});

describe("a folder that was lost", () => {
  const header = { format: 1, mode: "walk", seed: 1 } as unknown as TraceHeader;

  test("because it was deleted is an error of writing", async () => {
    await using lock = await lockFolder(folder);
    rmdirSync(lockPath);
    await once(lock.lost, "abort");
    expect((lock.lost.reason as SpecdecError).code).toBe("ERR_WRITE");
  });

  test("to another writer is left to that", async () => {
    await using lock = await lockFolder(folder);
    const writer = await TraceWriter.open(folder, header, lock.lost);
    await writer.add(new Uint8Array(10), 1);
    utimesSync(lockPath, 1, 1); // the sign of another
    await once(lock.lost, "abort");
    const before = readdirSync(folder);
    expect(before).toContain("shard-00000.bin.partial");
    const error = await rejection(writer.add(new Uint8Array(10), 1), "ERR_BUSY");
    expect(error.message).toContain("Another process has taken over the trace");
    await rejection(writer.finishShard(0, 1), "ERR_BUSY");
    await rejection(TraceWriter.open(folder, header, lock.lost), "ERR_BUSY");
    await writer.close();
    expect(readdirSync(folder)).toEqual(before);
  });
});
