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

/** A token before its bytes have become text. */
export type RawToken = Omit<OutputToken, "text"> & { bytes: Uint8Array };

/** Bytes of an incomplete character, at most. */
const maxPartBytes = 3;

/**
 * Makes text of tokens as they come: holds back characters that are not complete yet, and tokens
 * that may turn out to be the beginning of a stop string.
 */
export class TextAssembler {
  // ignoreBOM keeps U+FEFF: a model may mean it.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #stops: readonly string[];
  #dropsSpace: boolean;
  #held: OutputToken[] = [];
  /** The last bytes that have come, and the token that brought them. */
  #tail: Uint8Array = new Uint8Array();
  #tailToken: OutputToken | undefined;

  /** dropsSpace: whether a space that the text begins with is left out. */
  constructor(stops: readonly string[], dropsSpace = false) {
    this.#stops = stops;
    this.#dropsSpace = dropsSpace;
  }

  /** Takes tokens up to the one that completes a stop string. `taken`: how many those are. */
  push(tokens: readonly RawToken[]): { released: OutputToken[]; taken: number; stopped: boolean } {
    for (const [i, { bytes: given, ...token }] of tokens.entries()) {
      const bytes = this.#withoutFirstSpace(given);
      const text = this.#decoder.decode(bytes, { stream: true });
      const output = { ...token, text };
      this.#held.push(output);
      if (bytes.length > 0) {
        this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-maxPartBytes);
        this.#tailToken = output;
      }
      const cut = this.#findStop();
      if (cut !== undefined) {
        this.#decoder.decode(); // forgets an incomplete character behind the stop string
        return { released: this.#cutAt(cut), taken: i + 1, stopped: true };
      }
    }
    return { released: this.#releaseUnambiguous(), taken: tokens.length, stopped: false };
  }

  /** Releases what is held when no more tokens come; an incomplete character becomes U+FFFD. */
  flush(): OutputToken[] {
    const rest = this.#decoder.decode();
    if (this.#tailToken !== undefined) this.#tailToken.text += rest;
    return this.#held.splice(0);
  }

  #withoutFirstSpace(bytes: Uint8Array): Uint8Array {
    if (!this.#dropsSpace || bytes.length === 0) return bytes;
    this.#dropsSpace = false;
    return bytes[0] === 0x20 ? bytes.subarray(1) : bytes;
  }

  get #heldText(): string {
    return this.#held.map((token) => token.text).join("");
  }

  #findStop(): number | undefined {
    const text = this.#heldText;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  /** Releases all tokens, with the text from `length` on taken away. */
  #cutAt(length: number): OutputToken[] {
    let left = length;
    for (const token of this.#held) {
      token.text = token.text.slice(0, left);
      left -= token.text.length;
    }
    return this.#held.splice(0);
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
    const unfinished = endsInside(this.#tail) ? this.#tailToken : undefined;
    for (const token of this.#held) {
      if (token === unfinished) break; // it gets the rest if the text ends here
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
