// What messages say is text. A control token's name in it, such as "<|user|>", must not become that
// token, or whoever writes a message could forge a turn. A template's own names must. In a rendered
// text the two look alike, so those in messages are replaced before rendering, and put back when the
// text is tokenized: by a number between two noncharacters, which no template looks at.

const open = "\u{FDD0}";
const close = "\u{FDD1}";

/** A piece of a rendered text; `parseSpecial`: whether names in it are control tokens. */
export interface Segment {
  text: string;
  parseSpecial: boolean;
}

/** The names of a vocabulary's control tokens. */
export class Literals {
  readonly #texts: readonly string[];
  readonly #found: RegExp;
  readonly #atStart: RegExp;
  readonly #atEnd: RegExp;

  constructor(control: readonly string[]) {
    const longestFirst = [...control].sort((a, b) => b.length - a.length);
    this.#texts = [...longestFirst, open, close];
    const names = longestFirst.map(escape).join("|") || "(?!)"; // without names nothing is found
    this.#atStart = new RegExp(`^(?:${names})`);
    this.#atEnd = new RegExp(`(?:${names})$`);
    this.#found = new RegExp(`${names}|${open}|${close}`, "g");
  }

  /** Data with the names replaced in all of its strings. */
  hide<T>(value: T): T {
    if (typeof value === "string") {
      return value.replace(
        this.#found,
        (found) => `${open}${this.#texts.indexOf(found)}${close}`,
      ) as T;
    }
    if (Array.isArray(value)) return value.map((item: unknown) => this.hide(item)) as T;
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [this.hide(key), this.hide(item as unknown)]),
      ) as T;
    }
    return value;
  }

  /** A rendered text in pieces, with the names that were replaced as they were. */
  segments(rendered: string): Segment[] {
    return rendered
      .split(new RegExp(`${open}(\\d+)${close}`))
      .map((text, i) => ({
        text: i % 2 === 0 ? text : (this.#texts[Number(text)] ?? ""),
        parseSpecial: i % 2 === 0,
      }))
      .filter(({ text }) => text !== "");
  }

  /** Whether a rendered text begins with a control token. */
  startsWithControl(rendered: string): boolean {
    return this.#atStart.test(rendered);
  }

  /** Whether it ends with one. */
  endsWithControl(rendered: string): boolean {
    return this.#atEnd.test(rendered);
  }
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
