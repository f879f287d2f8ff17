import { SpecdecError } from "../errors";
import { checkModelFile } from "../model";
import type { NativeAcceptanceHead, NativeHeadInfo, NativeHeadInputs } from "../native/binding";
import { call, callAsync } from "../native/call";
import { loadAddon } from "../native/load";
import type { HeadKind } from "./examples";
import { headKeys } from "./head-metadata";
import type { HeadMetrics } from "./metrics";
import type { HeadType } from "./options";
import { type HeadOutput, outputsOf } from "./outputs";
import type { ByOutput } from "./report";
import { scalarsOf } from "./token-table";

/** What a head file says of itself. */
export interface HeadInfo {
  kind: HeadKind;
  /** Of the draft's hidden states. */
  width: number;
  /** Residual blocks. */
  depth: number;
  /** Whether these share their weights. */
  tied: boolean;
  /** Width of each output's own layer; 0 for kind "paper". */
  hidden: number;
  outputs: readonly HeadOutput[];
  /** Names of the scalars that it reads beside the state. */
  columns: readonly string[];
  type: HeadType;
  parameters: number;
  sizeBytes: number;
  /** The models it was trained for: names of files, and SHA-256 of what identifies them. */
  draft: { file: string; fingerprint: string };
  target: { file: string; fingerprint: string };
  vocabulary: string;
  /** The options it was trained with. */
  training: Readonly<Record<string, unknown>>;
  /** How good it was on held-out prompts; none of an imported head. */
  scores: ByOutput<HeadMetrics>;
  /** Whether its scores are calibrated. */
  calibrated: boolean;
}

/** A pair that a head is to be used with. */
export interface HeadPair {
  target: { path: string; fingerprint: string };
  draft: { path: string; fingerprint: string; stateWidth: number };
  /** Worked out where the files are others. */
  vocabulary: () => string;
}

/** A trained head, loaded from its file. */
export class AcceptanceHead {
  readonly #tokens: Float32Array;

  private constructor(
    /** The file. */
    readonly path: string,
    /** @internal */
    readonly native: NativeAcceptanceHead,
    readonly info: HeadInfo,
    tokens: Float32Array,
  ) {
    this.#tokens = tokens;
  }

  /**
   * Loads a head file, as trainHead writes it. Rejects with ERR_FILE_NOT_FOUND, or ERR_MODEL_LOAD for
   * what is damaged, and for what is no head.
   */
  static async load(path: string): Promise<AcceptanceHead> {
    checkModelFile(path);
    const { AcceptanceHead: Native } = loadAddon();
    const native = call(() => new Native(path));
    try {
      const loaded = await callAsync(() => native.load());
      return new AcceptanceHead(path, native, infoOf(path, loaded), loaded.tokens);
    } catch (error) {
      native.dispose();
      throw error;
    }
  }

  /**
   * Throws ERR_HEAD_MISMATCH if the head was trained for another pair. With `force` other files will do, such
   * as another quantization, as long as the vocabulary and the width of the draft's states are the same.
   * @internal
   */
  checkPair({ target, draft, vocabulary }: HeadPair, force: boolean): void {
    const { info } = this;
    const fail = (what: string, remedy: string): never => {
      throw new SpecdecError(
        "ERR_HEAD_MISMATCH",
        `The head ${this.path} does not fit: ${what}. ${remedy}`,
      );
    };
    const train = "Train one for this pair: specdecpp trace, then specdecpp train.";
    if (info.width !== draft.stateWidth) {
      fail(
        `it reads states of ${info.width} numbers, and ${draft.path} has ${draft.stateWidth}`,
        train,
      );
    }
    const others = (["draft", "target"] as const).filter(
      (name) => info[name].fingerprint !== { draft, target }[name].fingerprint,
    );
    if (others.length === 0) return;
    if (info.vocabulary !== vocabulary()) {
      fail(`it was trained for a pair of another vocabulary, with ${info.draft.file}`, train);
    }
    if (force) return;
    const different = others.map(
      (name) => `the ${name} it was trained for was another file, ${info[name].file}`,
    );
    fail(
      different.join(", and "),
      `If only the quantization differs, use it all the same with force; else: ${train}`,
    );
  }

  /**
   * Calibrated logits, [n][outputs], of draft steps: their states and k, the scalars that the addon knows,
   * [n][known], and the tokens drawn.
   * @internal
   */
  scores(
    { states, stateOf }: Pick<NativeHeadInputs, "states" | "stateOf">,
    steps: {
      known: readonly string[];
      scalars: Float32Array;
      token: Int32Array;
      position: Int32Array;
    },
  ): Promise<Float32Array> {
    const { known, scalars: all, token, position } = steps;
    const { columns } = this.info;
    const scalars = scalarsOf(columns, this.#tokens, known, all, token);
    return callAsync(() => this.native.scores({ states, stateOf, scalars }, position));
  }

  /** Frees it. Calling it again does nothing. */
  dispose(): void {
    this.native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function infoOf(path: string, native: NativeHeadInfo): HeadInfo {
  const { kind, width, depth, tied, hidden, columns, type, parameters, sizeBytes, metadata } =
    native;
  const text = (key: string): string => {
    const value = metadata[key];
    return typeof value === "string" ? value : "";
  };
  const json = (key: string): object => {
    try {
      return JSON.parse(text(key) || "{}") as object;
    } catch (cause) {
      throw new SpecdecError(
        "ERR_MODEL_LOAD",
        `${path}: its ${key} is not JSON. Write the head anew.`,
        { cause },
      );
    }
  };
  return {
    ...{ kind, width, depth, tied, hidden, columns, type, parameters, sizeBytes },
    outputs: outputsOf(kind),
    draft: { file: text(headKeys.draftFile), fingerprint: text(headKeys.draft) },
    target: { file: text(headKeys.targetFile), fingerprint: text(headKeys.target) },
    vocabulary: text(headKeys.vocabulary),
    training: { ...json(headKeys.training) },
    scores: json(headKeys.scores),
    calibrated: metadata[headKeys.slope] !== undefined,
  };
}
