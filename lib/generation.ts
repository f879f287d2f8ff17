import { throwIfAborted } from "./abort";
import type { CostModel } from "./cost/cost-model";
import type { Model } from "./model";
import type { NativeSession, NativeStopRule } from "./native/binding";
import { call, callAsync } from "./native/call";
import { readRound, type Round, runRound } from "./native/round";
import type { ResolvedGeneration } from "./options";
import { continues, draftedTokens, nextRule, submits } from "./policy/native-rule";
import type { Policy, RoundContext, RoundInfo } from "./policy/policy";
import { type GenerationStats, StatsCollector } from "./stats";
import { type OutputToken, type RawToken, TextAssembler } from "./text-assembler";

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

/** One text being generated on a session: the loop of rounds, and what has come of it so far. */
export class Generation {
  readonly #stats = new StatsCollector();
  readonly #tokens: number[] = [];
  readonly #logprobs: number[] = [];
  readonly #rounds: RoundInfo[] = [];
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
    private readonly dropsSpace: boolean,
  ) {}

  /** Yields text as soon as it is certain. Errors carry what there was as `partial`. */
  async *run(): AsyncGenerator<GenerationChunk, void, undefined> {
    // Of no effect between native calls, which are not begun after an abort.
    const abort = (): void => {
      this.session.abort();
    };
    this.signal.addEventListener("abort", abort);
    try {
      yield* this.#loop();
    } catch (error) {
      // Also on what a policy or a consumer throws: what was generated is not lost.
      if (error instanceof Error) {
        const partial = this.#result(this.signal.aborted ? "aborted" : "error");
        (error as { partial?: GenerationResult }).partial = partial;
      }
      throw error;
    } finally {
      this.signal.removeEventListener("abort", abort);
    }
  }

  /** What came of it, after run() has ended. */
  get result(): GenerationResult {
    return this.#result(this.#finishReason ?? "aborted");
  }

  async *#loop(): AsyncGenerator<GenerationChunk, void, undefined> {
    await this.#prefill();
    const assembler = new TextAssembler(this.options.stop, this.dropsSpace);
    while (this.#finishReason === undefined) {
      const start = performance.now();
      const rule = this.#nextRule();
      const before = this.#length;
      const round = await this.#round(rule);
      const { released, taken, stopped } = assembler.push(this.#rawTokens(round));
      this.#finishReason = this.#take(round, taken, stopped);
      if (this.#finishReason !== undefined) released.push(...assembler.flush());
      const info = this.#observe(round, taken);
      // A policy that drops what was drafted has verified fewer rows than the round says.
      if (!this.policy.submits) {
        const micros = 1000 * (performance.now() - start);
        this.costs.observe(info, before, micros - round.draftMicros - round.verifyMicros);
      }
      const chunk = {
        text: released.map((token) => token.text).join(""),
        tokens: released,
        round: info,
      };
      this.#text += chunk.text;
      this.#stats.addLoopTime(performance.now() - start);
      yield chunk;
    }
  }

  get #wantsDetails(): boolean {
    return this.options.details || this.policy.needsDetails === true;
  }

  /** Tokens of the prompt and of the output. */
  get #length(): number {
    return this.prompt.length + this.#tokens.length;
  }

  #nextRule(): NativeStopRule {
    const { costs } = this;
    const length = this.#length;
    const { maxDraft, contextSize } = this.limits;
    const left = Math.min(this.options.maxTokens - this.#tokens.length - 1, contextSize - length);
    const context: RoundContext = {
      get prices() {
        return costs.prices(length);
      },
      room: Math.max(0, Math.min(maxDraft, left)),
      greedy: this.options.sampling.temperature === 0,
      get catchUpMicros() {
        return costs.catchUpMicros(length);
      },
    };
    return nextRule(this.policy, this.limits.maxDraft, context);
  }

  /** One native call, unless the policy wants to be asked after every token. */
  #round(rule: NativeStopRule): Promise<Round> {
    const room = this.options.maxTokens - this.#tokens.length;
    return this.#asksByToken
      ? this.#roundByToken(rule, room)
      : this.#native(() => runRound(this.session, rule, room));
  }

  get #asksByToken(): boolean {
    return this.policy.continues !== undefined || this.policy.submits !== undefined;
  }

  async #roundByToken({ length, gate, survival }: NativeStopRule, room: number): Promise<Round> {
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
    return readRound(await this.#native(() => this.session.verify(submitted, room)));
  }

  #observe(round: Round, taken: number): RoundInfo {
    const info: RoundInfo = {
      generated: taken,
      drafted: round.drafted,
      accepted: round.accepted,
      draftSteps: round.draftSteps,
      stopReason: round.stopReason,
      draftMicros: round.draftMicros,
      verifyMicros: round.verifyMicros,
      decodeMicros: round.decodeMicros,
      ...(this.#wantsDetails && { draft: draftedTokens(round.draft) }),
    };
    this.policy.observe?.(info);
    this.#stats.addRound(info, this.policy.expectation);
    if (this.options.details) this.#rounds.push(info);
    return info;
  }

  async #prefill(): Promise<void> {
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

  async #native<T>(nativeCall: () => Promise<T>): Promise<T> {
    throwIfAborted(this.signal);
    const pending = callAsync(nativeCall);
    this.#pending = pending;
    try {
      return await pending;
    } catch (error) {
      throwIfAborted(this.signal);
      throw error;
    }
  }

  /** Resolves when no native call is in flight. After an abort, none begins. */
  async idle(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  #rawTokens(round: Round): RawToken[] {
    return round.tokens.map((id, i) => ({
      id,
      bytes: this.model.piece(id),
      origin: i < round.accepted ? ("draft" as const) : ("target" as const),
      ...(this.options.logprobs && { logprob: round.logProbabilities[i] ?? NaN }),
    }));
  }

  /** Keeps the first `taken` tokens of a round; returns why the generation ends here, if it does. */
  #take(round: Round, taken: number, stopped: boolean): FinishReason | undefined {
    this.#tokens.push(...round.tokens.slice(0, taken));
    this.#logprobs.push(...round.logProbabilities.subarray(0, taken));
    const length = this.#length;
    if (taken < round.tokens.length) {
      call(() => {
        this.session.rollBack(length);
      });
    }
    if (stopped) return "stop";
    if (round.ended) return "eog";
    if (this.#tokens.length >= this.options.maxTokens) return "length";
    return length > this.limits.contextSize ? "context" : undefined;
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
