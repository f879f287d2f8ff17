// The downloader notes that a chunk is there while it is still being written, and takes a write that a full
// disk has cut short for a whole one. Going on from such a note leaves a hole in the model. So, in its thread,
// the writes to a file are done in order and in full, and none after one for which there was no room: then
// what has been noted is there.

import { type FileHandle, open } from "node:fs/promises";

/** Of each file: what its last write came to, an error if there was no room for one of them. */
const written = new WeakMap<FileHandle, Promise<unknown>>();

type Write = (
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number; buffer: Uint8Array }>;

/** Has writes of a buffer to a place in a file, through any handle of this thread, done so. */
export async function orderWrites(): Promise<void> {
  await using some = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(some) as { write: Write };
  const { write } = prototype;
  async function writeAll(
    file: FileHandle,
    [buffer, offset, length, position]: Parameters<Write>,
  ): ReturnType<Write> {
    let done = 0;
    while (done < length) {
      const { bytesWritten } = await write.call(
        file,
        buffer,
        offset + done,
        length - done,
        position + done,
      );
      done += bytesWritten;
    }
    return { bytesWritten: done, buffer };
  }
  prototype.write = function (this: FileHandle, ...args) {
    const before = written.get(this) ?? Promise.resolve();
    const result = before.then(() => writeAll(this, args));
    const remembered = result.catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw error; // others are tried again
    });
    remembered.catch(() => undefined); // the writer is told by its result
    written.set(this, remembered);
    return result;
  };
}
