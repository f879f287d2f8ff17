// What `generate --explain` shows: round by round what was drafted, and what became of it.

import { styleText } from "node:util";
import type {
  DraftedToken,
  Engine,
  GenerationChunk,
  HeadLogits,
  OutputToken,
  RoundInfo,
  StopReason,
} from "../index.js";
import { formatProbability, formatTable, visible } from "./format.mjs";

/** What becomes of a token. */
const fates = {
  accepted: { mark: "+", style: "green", meaning: "drafted and accepted" },
  rejected: { mark: "-", style: "red", meaning: "drafted and not kept" },
  corrected: { mark: "~", style: "yellow", meaning: "the target's, in place of a rejected one" },
  bonus: { mark: "*", style: "cyan", meaning: "the target's, after a draft accepted whole" },
  plain: { mark: "=", style: "bold", meaning: "the target's, nothing was drafted" },
} as const;
export type Fate = keyof typeof fates;

/** What became of the tokens that a round added. */
export function fatesOf({ drafted, accepted, generated }: RoundInfo): Fate[] {
  const own = drafted === 0 ? "plain" : accepted === drafted ? "bonus" : "corrected";
  return Array.from({ length: generated }, (_, i) => (i < accepted ? "accepted" : own));
}

/** Text in the colour of what became of it. */
export function paint(text: string, fate: Fate): string {
  return styleText(fates[fate].style, text);
}

/** What the colours of tokens that stand in a text mean. */
export function colours(): string {
  const kept = (Object.keys(fates) as Fate[]).filter((fate) => fate !== "rejected");
  return kept.map((fate) => paint(fates[fate].meaning, fate)).join("; ");
}

const stops: Record<StopReason, string> = {
  length: "stopped at the rule's length",
  gate: "stopped by the rule's gate",
  end: "the draft ended the text",
  room: "no room for more",
  none: "nothing drafted",
};

/** Lines behind the first of a round are set in so far. */
const indent = 5;

/** Where it is shown: `width` in characters, Infinity for lines of any length. */
export interface Page {
  width: number;
  /** Whether there is a head, whose scores are to be explained. */
  head: boolean;
  colours: boolean;
}

/** Makes lines of rounds, each as soon as the text of all its tokens is certain. */
export class Explanation {
  readonly #waiting: RoundInfo[] = [];
  readonly #tokens: Pick<OutputToken, "id" | "text">[] = [];
  #number = 0;

  constructor(
    private readonly engine: Pick<Engine, "detokenize">,
    private readonly page: Page,
  ) {}

  /** What the marks mean, and the numbers. */
  legend(): string {
    const rows = Object.entries(fates).map(([fate, { mark, meaning }]) => [mark + fate, meaning]);
    rows.push([
      "0.90→0.80",
      "its probability under the draft, and under the target (at temperature 0: those of 1)",
    ]);
    if (this.page.head) {
      rows.push([
        "(0.70 0.80 0.90)",
        "the head's probability that it is accepted: before it was drawn, when it was, when the draft had read it (-: not asked)",
      ]);
    }
    const lines = formatTable(rows, "left").split("\n");
    const names = Object.keys(fates) as Fate[];
    return `${lines.map((line, i) => this.#paint(line, names[i])).join("\n")}\n`;
  }

  /** The lines that a chunk makes certain. */
  add({ round, tokens }: GenerationChunk): string {
    this.#waiting.push(round);
    this.#tokens.push(...tokens);
    return this.#ready();
  }

  /** The lines that are left when no chunk comes any more; `ids`: all tokens that were generated. */
  rest(ids: readonly number[]): string {
    const expected = this.#waiting.reduce((sum, { generated }) => sum + generated, 0);
    const missing = expected - this.#tokens.length;
    if (missing > 0) this.#tokens.push(...ids.slice(-missing).map((id) => ({ id, text: "" })));
    return this.#ready();
  }

  #ready(): string {
    let lines = "";
    for (;;) {
      const [round] = this.#waiting;
      if (round === undefined || round.generated > this.#tokens.length) return lines;
      this.#waiting.shift();
      lines += this.#describe(round, this.#tokens.splice(0, round.generated));
    }
  }

  #describe(round: RoundInfo, tokens: readonly Pick<OutputToken, "id" | "text">[]): string {
    const { drafted, accepted, generated, stopReason, draft = [] } = round;
    const cells: Cell[] = draft.map((token, i) => {
      const kept = i < Math.min(accepted, generated);
      const text = this.#text(kept ? (tokens[i] ?? token) : token);
      return { text: `${text} ${probabilities(token)}`, fate: kept ? "accepted" : "rejected" };
    });
    const own = tokens[accepted];
    const fate = fatesOf(round)[accepted];
    if (own !== undefined && fate) cells.push({ text: this.#text(own), fate });
    const share = drafted === 0 ? "" : `${accepted} of ${drafted} accepted; `;
    cells.push({ text: `[${share}${stops[stopReason]}]` });
    this.#number += 1;
    return this.#lines(String(this.#number).padStart(indent - 2), cells);
  }

  /** A token's text; where it has none, as control tokens, its number. */
  #text({ id, text = "" }: { id: number; text?: string }): string {
    return visible(text) || visible(this.engine.detokenize([id])) || `<${id}>`;
  }

  #lines(start: string, cells: readonly Cell[]): string {
    let lines = start;
    let column = start.length;
    for (const { text, fate } of cells) {
      const marked = fate === undefined ? text : fates[fate].mark + text;
      if (column > indent && column + 2 + marked.length > this.page.width) {
        lines += `\n${" ".repeat(indent)}`;
        column = indent;
      } else {
        lines += "  ";
        column += 2;
      }
      lines += this.#paint(marked, fate);
      column += marked.length;
    }
    return `${lines}\n`;
  }

  #paint(text: string, fate: Fate | undefined): string {
    return this.page.colours && fate !== undefined ? paint(text, fate) : text;
  }
}

interface Cell {
  text: string;
  /** None for what is no token. */
  fate?: Fate;
}

function probabilities({ q, p, head }: DraftedToken): string {
  const both = `${formatProbability(q)}→${formatProbability(p)}`;
  return head === undefined ? both : `${both} ${scores(head)}`;
}

/** What a head says, as probabilities. */
function scores({ before, newest, older }: HeadLogits): string {
  const each = [before, newest, older].map((logit) =>
    Number.isNaN(logit) ? "-" : formatProbability(1 / (1 + Math.exp(-logit))),
  );
  return `(${each.join(" ")})`;
}
