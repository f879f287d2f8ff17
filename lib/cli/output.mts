/** Writes to stdout and waits until it is taken; rejects when it cannot be (EPIPE: the reader has gone). */
export function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Writes a value as one line of JSON. */
export function writeJson(value: unknown): Promise<void> {
  return write(`${JSON.stringify(value)}\n`);
}
