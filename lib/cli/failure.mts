import { SpecdecError } from "../index.js";
import { exitCodeOf } from "./interruption.mjs";
import { inTermsOfOptions } from "./option-names.mjs";

/** A command line that yargs refuses. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What yargs is to do with a failure: nothing but to throw it. */
export function rethrow(message: string | null, error: Error | undefined): never {
  throw error ?? new UsageError(message ?? "The command line is wrong.");
}

/** Tells of a failure on stderr, in one line unless SPECDECPP_DEBUG is 1; returns the exit code. */
export function report(error: unknown): number {
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  if (code === "EPIPE") return 0; // whoever read stdout has had enough
  const interrupted = exitCodeOf(error);
  if (interrupted !== undefined) {
    process.stderr.write(`specdecpp: ${String(message)}\n`);
    return interrupted;
  }
  if (process.env.SPECDECPP_DEBUG === "1") console.error(error);
  if (name === "UsageError" || name === "YError") {
    process.stderr.write(`specdecpp: ${String(message)}\nFor help: specdecpp --help\n`);
    return 2;
  }
  const text = SpecdecError.isInstance(error) ? inTermsOfOptions(error.message) : String(message);
  // Errors of the system bring their code in the message.
  const coded =
    code !== undefined && text.startsWith(code) ? text : `${code ?? "ERR_INTERNAL"}: ${text}`;
  process.stderr.write(`specdecpp: ${coded}\n`);
  return code === "ERR_INVALID_ARGUMENT" ? 2 : 1;
}
