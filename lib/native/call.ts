import { type ErrorCode, SpecdecError } from "../errors";

// A native error has a code and a message, but no JavaScript stack, and under jest it is not even an
// instance of this realm's Error. So the public error is made here, in the caller's stack.

function translate(error: SpecdecError, cause: unknown): SpecdecError {
  const { code, message } = cause as { code?: ErrorCode; message?: string };
  if (code === undefined) {
    throw cause; // a mistake in lib/ itself
  }
  const translated = new SpecdecError(code, message ?? "", { cause });
  translated.stack = `${translated.name}: ${translated.message}\n${error.stack?.split("\n").slice(1).join("\n") ?? ""}`;
  return translated;
}

/** Awaits a native call; its failure becomes a SpecdecError with the stack of the caller. */
export async function callAsync<T>(call: () => Promise<T>): Promise<T> {
  const here = new SpecdecError("ERR_INTERNAL", "");
  try {
    return await call();
  } catch (cause) {
    throw translate(here, cause);
  }
}

/** Makes a synchronous native call; its failure becomes a SpecdecError. */
export function call<T>(nativeCall: () => T): T {
  try {
    return nativeCall();
  } catch (cause) {
    throw translate(new SpecdecError("ERR_INTERNAL", ""), cause);
  }
}
