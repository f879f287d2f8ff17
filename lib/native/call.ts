import { type ErrorCode, SpecdecError } from "../errors";

// A native error has a code and a message, but no JavaScript stack, and under jest it is not even an
// instance of this realm's Error. So the public error is made here. Made behind an await its stack has the
// functions that wait, and costs nothing where nothing fails.

/** The public error for what a native call threw or rejected with. */
export function fromNative(cause: unknown): SpecdecError {
  const { code, message } = cause as { code?: ErrorCode; message?: string };
  if (code === undefined) {
    throw cause; // a mistake in lib/ itself
  }
  return new SpecdecError(code, message ?? "", { cause });
}

/** Awaits a native call; its failure becomes a SpecdecError with the stack of the caller. */
export async function callAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw fromNative(cause);
  }
}

/** Makes a synchronous native call; its failure becomes a SpecdecError. */
export function call<T>(nativeCall: () => T): T {
  try {
    return nativeCall();
  } catch (cause) {
    throw fromNative(cause);
  }
}
