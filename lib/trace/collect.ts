// What is logged of one prompt: the native session writes the reply and drafts beside it.

import { whileListening } from "../abort";
import { draftColumns, type NativeSampling, type NativeSession } from "../native/binding";
import { call, callAsync } from "../native/call";
import { runRound } from "../native/round";
import type { ResolvedTrace } from "./options";
import type { StoredRecord } from "./record";

export type CollectOptions = Pick<
  ResolvedTrace,
  "mode" | "maxDraft" | "maxTokens" | "states" | "verifier"
>;

const prefillChunk = 512;

/** Positions that a native call walks at most, so that an abort need not wait for long. */
const walkChunk = 8;

/** The record of a prompt, whose contexts have room for maxTokens and a draft behind them. */
export async function collect(
  session: NativeSession,
  prompt: { index: number; tokens: Int32Array },
  sampling: NativeSampling,
  options: CollectOptions,
  signal: AbortSignal | undefined,
): Promise<StoredRecord> {
  return new Collection(session, sampling, options, signal).run(prompt);
}

class Collection {
  readonly #reply: number[] = [];
  readonly #drafted: number[] = [];
  readonly #mixed: number[] = [];
  readonly #token: number[] = [];
  readonly #accepted: number[] = [];
  readonly #ratio: number[] = [];
  readonly #logq: number[] = [];
  readonly #mode: number[] = [];
  readonly #margin: number[] = [];
  readonly #entropy: number[] = [];
  readonly #states: Uint16Array[] = [];

  constructor(
    private readonly session: NativeSession,
    private readonly sampling: NativeSampling,
    private readonly options: CollectOptions,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async run(prompt: { index: number; tokens: Int32Array }): Promise<StoredRecord> {
    const rounds = this.options.mode === "rounds";
    call(() => {
      this.session.begin(prompt.tokens, this.sampling, {
        verifier: this.options.verifier,
        logProbabilities: false,
        details: rounds,
        states: rounds && this.options.states,
        reuse: false, // what is written must not depend on what was before
      });
    });
    while ((await this.#native(() => this.session.prefill(prefillChunk))) > 0);
    await this.#write(rounds);
    if (!rounds) await this.#walk();
    if (this.options.mode === "paper") await this.#mixStates();
    return {
      prompt: prompt.index,
      promptTokens: prompt.tokens.length,
      replyTokens: Int32Array.from(this.#reply),
      drafted: Uint8Array.from(this.#drafted),
      mixed: Uint8Array.from(this.#mixed),
      token: Int32Array.from(this.#token),
      accepted: Uint8Array.from(this.#accepted),
      ratio: Float32Array.from(this.#ratio),
      logq: Float32Array.from(this.#logq),
      mode: Float32Array.from(this.#mode),
      margin: Float32Array.from(this.#margin),
      entropy: Float32Array.from(this.#entropy),
      states: joined(this.#states),
    };
  }

  /** The reply: plainly, or by rounds whose drafts are logged. */
  async #write(logs: boolean): Promise<void> {
    const { maxDraft, maxTokens } = this.options;
    let ended = false;
    while (!ended && this.#reply.length < maxTokens) {
      const round = await this.#native(() =>
        runRound(this.session, { length: logs ? maxDraft : 0 }, maxTokens - this.#reply.length),
      );
      this.#reply.push(...round.tokens);
      ended = round.ended;
      if (!logs) continue;
      for (let i = 0; i < round.drafted; ++i) this.#addRow(round.draft, i, i < round.accepted);
      this.#drafted.push(round.drafted, ...Array<number>(round.tokens.length - 1).fill(0));
      this.#mixed.push(...Array<number>(round.tokens.length).fill(0));
      this.#states.push(call(() => this.session.states()));
    }
  }

  async #walk(): Promise<void> {
    const coupled = this.options.mode === "walk";
    const size = Math.min(walkChunk, this.options.maxDraft);
    for (let from = 0; from < this.#reply.length; from += size) {
      const count = Math.min(size, this.#reply.length - from);
      const walk = await this.#native(() =>
        this.session.walk({ coupled, from, count, states: coupled && this.options.states }),
      );
      let row = 0;
      for (const [i, length] of walk.lengths.entries()) {
        for (let j = 0; j < length; ++j, ++row) {
          const stays = walk.draft[row * draftColumns] === this.#reply[from + i];
          this.#addRow(walk.draft, row, j === 0 && stays);
        }
      }
      this.#drafted.push(...walk.lengths);
      this.#mixed.push(...walk.replaced);
      this.#states.push(walk.states);
    }
  }

  /** The states before and after each position of the sequence that mixes reply and drafted tokens. */
  async #mixStates(): Promise<void> {
    // Without rows where the reply has tokens that the draft does not know.
    if (!this.options.states || this.#token.length < this.#reply.length) return;
    const mixed = this.#reply.map((token, i) => (this.#mixed[i] ? (this.#token[i] ?? 0) : token));
    const states = await this.#native(() => this.session.statesOf(Int32Array.from(mixed)));
    const width = states.length / (mixed.length + 1);
    for (let i = 0; i < mixed.length; ++i) {
      this.#states.push(states.subarray(i * width, (i + 2) * width));
    }
  }

  #addRow(draft: Float64Array, row: number, accepted: boolean): void {
    const [token, q, mode, margin, entropy, p, acceptance] = draft.subarray(
      row * draftColumns,
      (row + 1) * draftColumns,
    ) as unknown as [number, number, number, number, number, number, number];
    // Where the draft is certain of its token, q is told of another distribution than it was drawn from.
    const certain = this.sampling.temperature === 0 || this.options.verifier === "match";
    this.#token.push(token);
    this.#accepted.push(accepted ? 1 : 0);
    this.#ratio.push(certain ? acceptance : p / q);
    this.#logq.push(Math.log(q));
    this.#mode.push(mode);
    this.#margin.push(margin);
    this.#entropy.push(entropy);
  }

  #native<T>(nativeCall: () => Promise<T>): Promise<T> {
    return whileListening(
      this.signal,
      () => {
        this.session.abort();
      },
      () => callAsync(nativeCall),
    );
  }
}

function joined(parts: readonly Uint16Array[]): Uint16Array {
  const all = new Uint16Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
