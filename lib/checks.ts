// Checks of what callers give. `name` is what a value is called in the message. Undefined is the
// fallback, where there is one; NaN fails every check of a range.

import { inspect } from "node:util";
import { SpecdecError } from "./errors";

/** Values in one line, and not all of a large one. */
const inspection = { depth: 0, breakLength: Infinity, maxArrayLength: 4, customInspect: false };

export const maxInt32 = 2 ** 31 - 1;

/** The error for a value: what it must be, and what it is. */
export function invalid(name: string, expected: string, value: unknown): SpecdecError {
  const shown = typeof value === "string" ? JSON.stringify(value) : inspect(value, inspection);
  return new SpecdecError(
    "ERR_INVALID_ARGUMENT",
    `${name} must be ${expected}, but is ${shown} (${typeof value}).`,
  );
}

export function number(
  name: string,
  value: unknown,
  fallback: number | undefined,
  min: number,
  max: number,
): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    const from = min === Number.MIN_VALUE ? "more than 0, up" : String(min);
    throw invalid(name, `a number, ${from} to ${max}`, value);
  }
  return value;
}

export function whole(
  name: string,
  value: unknown,
  fallback: number | undefined,
  min: number,
  max: number,
): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(name, `a whole number, ${min} to ${max}`, value);
  }
  return value as number;
}

export function finite(name: string, value: unknown, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (!Number.isFinite(value)) throw invalid(name, "a finite number", value);
  return value as number;
}

export function flag(name: string, value: unknown, fallback?: boolean): boolean {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== "boolean") throw invalid(name, "true or false", value);
  return value;
}

export function oneOf<T extends string>(
  name: string,
  value: unknown,
  fallback: T | undefined,
  known: readonly T[],
): T {
  if (value === undefined && fallback !== undefined) return fallback;
  if (!known.includes(value as T)) throw invalid(name, `one of ${known.join(", ")}`, value);
  return value as T;
}

export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

export function checkSignal(value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw invalid("signal", "an AbortSignal", value);
  }
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw invalid(name, "a function", value);
}

/** An object of options, or of what `kind` says: a misspelt name is an error, not a default. */
export function object<T extends object>(
  name: string,
  value: T,
  known: readonly string[],
  kind = "option",
): T {
  if (typeof value !== "object" || (value as T | null) === null || Array.isArray(value)) {
    throw invalid(name, "an object", value);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${name}: there is no ${kind} ${JSON.stringify(unknown)}; there are ${known.join(", ")}.`,
    );
  }
  return value;
}

/** Text that can be encoded. */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== "string") throw invalid(name, "a string", value);
  if (!value.isWellFormed()) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `${name} has a lone surrogate, half of a character, which no text encoding can carry. Mend it with toWellFormed().`,
    );
  }
}

/** Ids of tokens, as the addon takes them; whether the vocabulary has them is checked there. */
export function checkTokens(name: string, expected: string, value: unknown): Int32Array {
  if (!(value instanceof Int32Array || Array.isArray(value))) throw invalid(name, expected, value);
  const tokens: unknown[] = Array.from(value);
  const wrong = tokens.findIndex(
    (token) => !Number.isInteger(token) || (token as number) < 0 || (token as number) > maxInt32,
  );
  if (wrong >= 0) {
    throw invalid(`${name}: token ${wrong}`, "a whole number from 0", tokens[wrong]);
  }
  return Int32Array.from(tokens as number[]);
}
