import { existsSync, statSync } from "node:fs";
import { whileListening } from "./abort";
import type { ResolvedModel } from "./engine-options";
import { SpecdecError } from "./errors";
import type { ModelInfo, NativeModel } from "./native/binding";
import { call, callAsync } from "./native/call";
import { loadAddon } from "./native/load";
import { type Piece, pieceOf } from "./text-assembler";

/** How often the progress of loading is looked at. */
const progressMillis = 50;

/** A loaded model: its vocabulary, and the handle that sessions take. */
export class Model {
  readonly #pieces = new Map<number, Piece>();

  private constructor(
    /** @internal */ readonly native: NativeModel,
    readonly info: ModelInfo,
  ) {}

  /**
   * Throws ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD, ERR_NOT_GENERATIVE, ERR_NO_DEVICE, ERR_NO_GPU or
   * ERR_ABORTED, or what onProgress throws.
   */
  static async load(
    options: ResolvedModel,
    onProgress: ((fraction: number) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Model> {
    checkModelFile(options.path);
    const { path, gpuLayers, devices, mmap, mlock } = options;
    const addon = loadAddon();
    const native = call(() => new addon.Model({ path, gpuLayers, devices, mmap, mlock }));
    try {
      const info = await whileListening(
        signal,
        () => {
          native.abortLoad();
        },
        () => (onProgress ? loadWatched(native, onProgress) : callAsync(() => native.load())),
      );
      return new Model(native, info);
    } catch (error) {
      native.dispose();
      throw error;
    }
  }

  /** The tokens of a text, after what the vocabulary puts before every text; `begins`: whether it is the beginning of one. */
  tokenize(text: string, parseSpecial: boolean, begins = true): Int32Array {
    return call(() => this.native.tokenize(text, begins, parseSpecial));
  }

  /** The bytes of one token. */
  piece(token: number): Uint8Array {
    return this.textPiece(token).bytes;
  }

  /** The same, and their text if they have one by themselves. */
  textPiece(token: number): Piece {
    let piece = this.#pieces.get(token);
    if (piece === undefined) {
      piece = pieceOf(call(() => this.native.piece(token)));
      this.#pieces.set(token, piece);
    }
    return piece;
  }

  /** A value of the file's header as text; "" if it is not there. */
  metadata(key: string): string {
    return call(() => this.native.metadata(key));
  }

  /** The texts of control tokens, and of those that begin and end a sequence. */
  specialTexts(): ReturnType<NativeModel["specialTexts"]> {
    return call(() => this.native.specialTexts());
  }

  dispose(): void {
    this.native.dispose();
  }
}

/** Loads, and ends the loading when onProgress throws: out of a timer that would end the process. */
async function loadWatched(
  native: NativeModel,
  onProgress: (fraction: number) => void,
): Promise<ModelInfo> {
  const thrown: unknown[] = [];
  // The loading thread cannot call JavaScript; its progress is looked up.
  const timer = setInterval(() => {
    try {
      onProgress(native.loadProgress());
    } catch (error) {
      thrown.push(error);
      clearInterval(timer);
      native.abortLoad();
    }
  }, progressMillis);
  const [loaded] = await Promise.allSettled([callAsync(() => native.load())]);
  clearInterval(timer);
  if (thrown.length > 0) throw thrown[0];
  if (loaded.status === "rejected") throw loaded.reason;
  onProgress(1);
  return loaded.value;
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
