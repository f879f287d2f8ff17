import { type ErrorCode, SpecdecError } from "../../lib";

/** The SpecdecError that a promise must reject with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<SpecdecError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!SpecdecError.isInstance(outcome)) {
    throw new Error(`expected a rejection with ${code}, but got ${String(outcome)}`);
  }
  expect(outcome.code).toBe(code);
  return outcome;
}
