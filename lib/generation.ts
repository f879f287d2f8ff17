import { throwIfAborted } from "./abort";
import type { CostModel } from "./cost/cost-model";
import type { Prices } from "./cost/prices";
import type { Model } from "./model";
import type { NativeRound, NativeSession, NativeStopRule } from "./native/binding";
import { call, fromNative } from "./native/call";
import { readRound, type Round } from "./native/round";
import type { ResolvedGeneration } from "./options";
import { continues, draftedTokens, nextRule, submits } from "./policy/native-rule";
import type { Policy, RoundContext, RoundInfo } from "./policy/policy";
import { type GenerationStats, StatsCollector } from "./stats";
import { type OutputToken, TextAssembler } from "./text-assembler";

/**
 * Why a generation ended: "eog", the model's end-of-generation token; "stop", a stop string;
 * "length", maxTokens; "context", the target's context is full. On the `partial` of an error:
 * "aborted", by its signal or dispose(); "error", by a failure.
 */
export type FinishReason = "eog" | "stop" | "length" | "context" | "aborted" | "error";

/** What a round has brought. Text may be held back for a later one, so it can be empty. */
export interface GenerationChunk {
  text: string;
  tokens: OutputToken[];
  round: RoundInfo;
}

export interface GenerationResult {
  text: string;
  /** Ids of all tokens generated, the one that ended the generation included (its text is not in `text`). */
  tokens: number[];
  finishReason: FinishReason;
  /** The seed that was used; given as `seed`, it repeats the text of one that had it given too. */
  seed: number;
  /** ln of each token's probability under the target, if asked for. */
  logprobs?: number[];
  /** What each round did and drafted, if `details` was asked for. */
  rounds?: RoundInfo[];
  stats: GenerationStats;
}

/** What a stream returns at its end. */
export async function resultOf<T>(chunks: AsyncGenerator<unknown, T, undefined>): Promise<T> {
  for (;;) {
    const next = await chunks.next();
    if (next.done) return next.value;
  }
}

/** Tokens of the prompt evaluated in one native call, so that an abort need not wait for all of it. */
const prefillChunk = 512;

/** What is known before a round. Prices are worked out when a policy asks for them. */
class Outlook implements RoundContext {
  constructor(
    readonly room: number,
    readonly greedy: boolean,
    private readonly costs: CostModel,
    private readonly length: number,
  ) {}

  get prices(): Prices {
    return this.costs.prices(this.length);
  }

  get catchUpMicros(): number {
    return this.costs.catchUpMicros(this.length);
  }
}

/**
 * One text being generated on a session, and what has come of it so far. Its user prefills, takes rounds until
 * it has ended, and closes it.
 */
export class Generation {
  readonly #stats = new StatsCollector();
  readonly #tokens: number[] = [];
  readonly #logprobs: number[] = [];
  readonly #rounds: RoundInfo[] = [];
  readonly #assembler: TextAssembler;
  readonly #wantsDetails: boolean;
  #pending: Promise<unknown> | undefined;
  #text = "";
  #finishReason: FinishReason | undefined;

  constructor(
    private readonly session: NativeSession,
    private readonly model: Model,
    private readonly limits: { contextSize: number; maxDraft: number },
    private readonly prompt: Int32Array,
    private readonly policy: Policy,
    private readonly costs: CostModel,
    private readonly options: ResolvedGeneration,
    private readonly signal: AbortSignal,
    dropsSpace: boolean,
  ) {
    this.#assembler = new TextAssembler(options.stop, dropsSpace);
    this.#wantsDetails = options.details || policy.needsDetails === true;
    signal.addEventListener("abort", this.#abort);
  }

  // Of no effect between native calls, which are not begun after an abort.
  readonly #abort = (): void => {
    this.session.abort();
  };

  close(): void {
    this.signal.removeEventListener("abort", this.#abort);
  }

  get ended(): boolean {
    return this.#finishReason !== undefined;
  }

  /** What came of it until now. */
  get result(): GenerationResult {
    return this.#result(this.#finishReason ?? "aborted");
  }

  /** Puts what was generated on an error that ends the text, also one that a policy or a consumer throws. */
  keepPartial(error: unknown): void {
    if (!(error instanceof Error)) return;
    const partial = this.#result(this.signal.aborted ? "aborted" : "error");
    (error as { partial?: GenerationResult }).partial = partial;
  }

  async prefill(): Promise<void> {
    const start = performance.now();
    this.#stats.promptTokens = this.prompt.length;
    this.#stats.reusedTokens = call(() =>
      this.session.begin(this.prompt, this.options.sampling, {
        verifier: this.options.verifier,
        logProbabilities: this.options.logprobs,
        details: this.#wantsDetails,
        states: false,
        reuse: this.options.reusePrefix,
      }),
    );
    while ((await this.#native(() => this.session.prefill(prefillChunk))) > 0);
    this.#stats.promptMillis = performance.now() - start;
  }

  /**
   * One round, with the text that is certain by then. It is all that is done between two native calls, in a
   * processor whose caches the weights have emptied: here every await and every function costs microseconds.
   */
  async round(): Promise<GenerationChunk> {
    const start = performance.now();
    const before = this.#length;
    const rule = this.#nextRule();
    const room = this.options.maxTokens - this.#tokens.length;
    const round = readRound(
      this.#asksByToken
        ? await this.#roundByToken(rule, room)
        : await this.#native(() => this.session.round(rule.length, room, rule.gate, rule.survival)),
    );
    const tokens = this.#take(round);
    const info = this.#observe(round, tokens);
    // A policy that drops what was drafted has verified fewer rows than the round says.
    if (this.policy.submits === undefined) {
      const micros = 1000 * (performance.now() - start);
      this.costs.observe(info, before, micros - round.draftMicros - round.verifyMicros);
    }
    const released = this.ended ? this.#assembler.flush() : this.#assembler.release();
    let text = "";
    for (const token of released) text += token.text;
    this.#text += text;
    this.#stats.addLoopTime(performance.now() - start);
    return { text, tokens: released, round: info };
  }

  /** Resolves when no native call is in flight. After an abort, none begins. */
  async idle(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  /** Tokens of the prompt and of the output. */
  get #length(): number {
    return this.prompt.length + this.#tokens.length;
  }

  #nextRule(): NativeStopRule {
    const length = this.#length;
    const { maxDraft, contextSize } = this.limits;
    const left = Math.min(this.options.maxTokens - this.#tokens.length - 1, contextSize - length);
    const room = Math.max(0, Math.min(maxDraft, left));
    const greedy = this.options.sampling.temperature === 0;
    return nextRule(this.policy, maxDraft, new Outlook(room, greedy, this.costs, length));
  }

  get #asksByToken(): boolean {
    return this.policy.continues !== undefined || this.policy.submits !== undefined;
  }

  /** For a policy that wants to be asked after every token: a native call for each. */
  async #roundByToken(
    { length, gate, survival }: NativeStopRule,
    room: number,
  ): Promise<NativeRound> {
    let drafted = draftedTokens(new Float64Array());
    for (;;) {
      const before = drafted.length;
      const next = Math.min(length, before + 1);
      const { draft } = await this.#native(() => this.session.draft(next, room, gate, survival));
      drafted = draftedTokens(draft);
      const full = drafted.length === before || drafted.length >= length;
      if (full || !continues(this.policy, drafted)) break;
    }
    const submitted = submits(this.policy, drafted);
    return await this.#native(() => this.session.verify(submitted, room));
  }

  async #native<T>(nativeCall: () => Promise<T>): Promise<T> {
    throwIfAborted(this.signal);
    try {
      const pending = nativeCall();
      this.#pending = pending;
      return await pending;
    } catch (cause) {
      throwIfAborted(this.signal);
      throw fromNative(cause);
    }
  }

  /** Keeps the tokens of a round, and finds whether the text ends with one; returns how many it kept. */
  #take(round: Round): number {
    const { logprobs, maxTokens } = this.options;
    let taken = 0;
    let stopped = false;
    for (const id of round.tokens) {
      const origin = taken < round.accepted ? "draft" : "target";
      const token: OutputToken = { id, text: "", origin };
      if (logprobs) {
        token.logprob = round.logProbabilities[taken] ?? NaN;
        this.#logprobs.push(token.logprob);
      }
      this.#tokens.push(id);
      taken += 1;
      stopped = this.#assembler.add(token, this.model.textPiece(id));
      if (stopped) break;
    }
    if (taken < round.tokens.length) {
      call(() => {
        this.session.rollBack(this.#length);
      });
    }
    if (stopped) this.#finishReason = "stop";
    else if (round.ended) this.#finishReason = "eog";
    else if (this.#tokens.length >= maxTokens) this.#finishReason = "length";
    else if (this.#length > this.limits.contextSize) this.#finishReason = "context";
    return taken;
  }

  #observe(round: Round, generated: number): RoundInfo {
    const info: RoundInfo = {
      generated,
      drafted: round.drafted,
      accepted: round.accepted,
      draftSteps: round.draftSteps,
      stopReason: round.stopReason,
      draftMicros: round.draftMicros,
      verifyMicros: round.verifyMicros,
      decodeMicros: round.decodeMicros,
    };
    if (this.#wantsDetails) info.draft = draftedTokens(round.draft);
    this.policy.observe?.(info);
    this.#stats.addRound(info, this.policy.expectation);
    if (this.options.details) this.#rounds.push(info);
    return info;
  }

  #result(finishReason: FinishReason): GenerationResult {
    return {
      text: this.#text,
      tokens: [...this.#tokens],
      finishReason,
      seed: this.options.sampling.seed,
      ...(this.options.logprobs && { logprobs: [...this.#logprobs] }),
      ...(this.options.details && { rounds: [...this.#rounds] }),
      stats: this.#stats.finish(),
    };
  }
}
