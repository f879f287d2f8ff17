import type { GenerationResult } from "./generation";

/** The codes of all errors, each explained with its remedy in docs/errors.md. */
export type ErrorCode =
  | "ERR_ABORTED"
  | "ERR_ADDON_LOAD"
  | "ERR_ADDON_NOT_BUILT"
  | "ERR_BIASED_RULE"
  | "ERR_BUSY"
  | "ERR_CHAT_TEMPLATE"
  | "ERR_CONTEXT_FULL"
  | "ERR_DECODE"
  | "ERR_DISPOSED"
  | "ERR_DOWNLOAD_FAILED"
  | "ERR_FILE_NOT_FOUND"
  | "ERR_HEAD_MISMATCH"
  | "ERR_INTERNAL"
  | "ERR_INVALID_ARGUMENT"
  | "ERR_LLAMA_CONFLICT"
  | "ERR_MODEL_LOAD"
  | "ERR_NOT_GENERATIVE"
  | "ERR_NO_CHAT_TEMPLATE"
  | "ERR_NO_DEVICE"
  | "ERR_NO_GPU"
  | "ERR_NO_LOGITS"
  | "ERR_NO_ROLLBACK"
  | "ERR_OUT_OF_MEMORY"
  | "ERR_RELEASE_MISMATCH"
  | "ERR_TRACE_BROKEN"
  | "ERR_TRACE_MISMATCH"
  | "ERR_UNSUPPORTED_MODEL"
  | "ERR_VOCABULARY_MISMATCH"
  | "ERR_WRITE";

const marker = Symbol.for("specdecpp.error");

/**
 * Every failure that this package reports. Match on `code`, which is stable; messages may change.
 * `name` is "AbortError" for ERR_ABORTED, as of the platform's own abort errors.
 */
export class SpecdecError extends Error {
  readonly code: ErrorCode;

  /** What had been generated when it failed: nothing is lost. Set once a generation has begun. */
  partial?: GenerationResult;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code === "ERR_ABORTED" ? "AbortError" : "SpecdecError";
    this.code = code;
    Object.defineProperty(this, marker, { value: true });
  }

  /** Whether a value is such an error; also when it comes from another copy of this package. */
  static isInstance(value: unknown): value is SpecdecError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
