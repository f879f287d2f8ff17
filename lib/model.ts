import { existsSync, statSync } from "node:fs";
import { whileListening } from "./abort";
import { SpecdecError } from "./errors";
import type { ModelInfo, NativeModel } from "./native/binding";
import { call, callAsync } from "./native/call";
import { loadAddon } from "./native/load";
import type { ResolvedModel } from "./options";

/** How often the progress of loading is looked at. */
const progressMillis = 50;

/** A loaded model: its vocabulary, and the handle that sessions take. */
export class Model {
  readonly #pieces = new Map<number, Uint8Array>();

  private constructor(
    /** @internal */ readonly native: NativeModel,
    readonly info: ModelInfo,
  ) {}

  /** Throws ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD, ERR_NOT_GENERATIVE, ERR_NO_DEVICE, ERR_NO_GPU or ERR_ABORTED. */
  static async load(
    options: ResolvedModel,
    onProgress: ((fraction: number) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Model> {
    checkModelFile(options.path);
    const { path, gpuLayers, devices, mmap, mlock } = options;
    const addon = loadAddon();
    const native = call(() => new addon.Model({ path, gpuLayers, devices, mmap, mlock }));
    // The loading thread cannot call JavaScript; its progress is looked up.
    const timer =
      onProgress &&
      setInterval(() => {
        onProgress(native.loadProgress());
      }, progressMillis);
    try {
      const info = await whileListening(
        signal,
        () => {
          native.abortLoad();
        },
        () => callAsync(() => native.load()),
      );
      onProgress?.(1);
      return new Model(native, info);
    } finally {
      clearInterval(timer);
    }
  }

  /** The tokens of a text, after what the vocabulary puts before every text. */
  tokenize(text: string, parseSpecial: boolean): Int32Array {
    return call(() => this.native.tokenize(text, true, parseSpecial));
  }

  /** The bytes of one token. */
  piece(token: number): Uint8Array {
    let bytes = this.#pieces.get(token);
    if (bytes === undefined) {
      bytes = call(() => this.native.piece(token));
      this.#pieces.set(token, bytes);
    }
    return bytes;
  }

  dispose(): void {
    this.native.dispose();
  }
}

export function checkModelFile(path: string): void {
  if (typeof path !== "string") {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", "The path of a model file must be a string.");
  }
  if (!existsSync(path)) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `There is no file ${path}. Check the path; relative ones start at ${process.cwd()}.`,
    );
  }
  if (!statSync(path).isFile()) {
    throw new SpecdecError(
      "ERR_FILE_NOT_FOUND",
      `${path} is not a file. Give the path of a GGUF file.`,
    );
  }
}
