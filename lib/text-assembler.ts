/** Where a token of the output came from: accepted from the draft, or the target's own. */
export type TokenOrigin = "draft" | "target";

export interface OutputToken {
  id: number;
  /**
   * Its share of the text. Empty where its bytes are an incomplete character: the token that completes
   * it has the whole. At the end of a text, the last of them has U+FFFD instead.
   */
  text: string;
  origin: TokenOrigin;
  /** ln of its probability under the target, if `logprobs` was asked for. */
  logprob?: number;
}

/** What a token adds to a text. */
export interface Piece {
  bytes: Uint8Array;
  /** If they are whole characters. */
  text: string | undefined;
}

// ignoreBOM keeps U+FEFF: a model may mean it.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function pieceOf(bytes: Uint8Array): Piece {
  try {
    return { bytes, text: strict.decode(bytes) };
  } catch {
    return { bytes, text: undefined };
  }
}

/** Bytes of an incomplete character, at most. */
const maxPartBytes = 3;

/**
 * Makes text of tokens as they come: holds back characters that are not complete yet, and tokens
 * that may turn out to be the beginning of a stop string.
 */
export class TextAssembler {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #stops: readonly string[];
  #dropsSpace: boolean;
  #held: OutputToken[] = [];
  /** The token that has brought the last byte, if that is amid a character. */
  #unfinished: OutputToken | undefined;
  /** The last bytes up to there. */
  #tail: Uint8Array = new Uint8Array();

  /** dropsSpace: whether a space that the text begins with is left out. */
  constructor(stops: readonly string[], dropsSpace = false) {
    this.#stops = stops;
    this.#dropsSpace = dropsSpace;
  }

  /**
   * Takes a token and its piece, and finds its text. Returns whether that completes a stop string: the text
   * ends before it then.
   */
  add(token: OutputToken, piece: Piece): boolean {
    const { bytes, text } = this.#dropsSpace ? this.#withoutFirstSpace(piece) : piece;
    this.#held.push(token);
    if (text !== undefined && this.#unfinished === undefined) token.text = text;
    else this.#decode(token, bytes);
    if (this.#stops.length === 0) return false;
    const cut = this.#findStop();
    if (cut !== undefined) this.#cutAt(cut);
    return cut !== undefined;
  }

  /** The tokens whose text is certain by now; each comes out once. */
  release(): OutputToken[] {
    if (this.#stops.length > 0 || this.#unfinished !== undefined) return this.#releaseUnambiguous();
    const released = this.#held;
    this.#held = [];
    return released;
  }

  /** Releases what is held when no more tokens come; an incomplete character becomes U+FFFD. */
  flush(): OutputToken[] {
    if (this.#unfinished !== undefined) this.#unfinished.text += this.#decoder.decode();
    return this.#held.splice(0);
  }

  /** Of a token that ends amid a character or comes where one is incomplete. */
  #decode(token: OutputToken, bytes: Uint8Array): void {
    token.text = this.#decoder.decode(bytes, { stream: true });
    if (bytes.length === 0) return;
    const before = this.#unfinished === undefined ? [] : [this.#tail];
    this.#tail = Buffer.concat([...before, bytes]).subarray(-maxPartBytes);
    this.#unfinished = endsInside(this.#tail) ? token : undefined;
  }

  #withoutFirstSpace(piece: Piece): Piece {
    if (piece.bytes.length === 0) return piece;
    this.#dropsSpace = false;
    return piece.bytes[0] === 0x20 ? pieceOf(piece.bytes.subarray(1)) : piece;
  }

  get #heldText(): string {
    return this.#held.map((token) => token.text).join("");
  }

  #findStop(): number | undefined {
    const text = this.#heldText;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  /** Takes the text from `length` on away, half a character at its end too. */
  #cutAt(length: number): void {
    this.#unfinished = undefined;
    let left = length;
    for (const token of this.#held) {
      token.text = token.text.slice(0, left);
      left -= token.text.length;
    }
  }

  #releaseUnambiguous(): OutputToken[] {
    const text = this.#heldText;
    let ambiguous = 0; // characters at the end that a stop string may begin with
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, text.length); n > ambiguous; --n) {
        if (text.endsWith(stop.slice(0, n))) ambiguous = n;
      }
    }
    let sure = text.length - ambiguous;
    let count = 0;
    for (const token of this.#held) {
      if (token === this.#unfinished) break; // it gets the rest if the text ends here
      if (token.text.length > sure || (token.text === "" && ambiguous > 0 && sure === 0)) break;
      sure -= token.text.length;
      ++count;
    }
    return this.#held.splice(0, count);
  }
}

const probe = new TextDecoder();

/** Whether UTF-8 ends inside of a character. Its last bytes tell. */
function endsInside(bytes: Uint8Array): boolean {
  probe.decode(bytes, { stream: true });
  return probe.decode() !== "";
}
