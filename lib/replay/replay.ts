import { invalid, isStrings, object } from "../checks";
import type { Prices } from "../cost/prices";
import { SpecdecError } from "../errors";
import { AcceptanceHead } from "../head/acceptance-head";
import type { HeadKind } from "../head/examples";
import { policyKinds } from "../policy/policies";
import type { TraceHeader, TraceRecord } from "../trace/format";
import { readTraceHeader } from "../trace/reader";
import { drawResamples, resampledSums } from "./bootstrap";
import { knownAcceptance, oracle } from "./bounds";
import { knownCosts, pricesFor } from "./costs";
import { checkMode, loadReplies } from "./load";
import { type Reply, toReply } from "./reply";
import { type Marks, reportOf, type RuleReport, type Sums, sumUp } from "./report";
import { defaultOf, kindOf, parameterOf, policyOf, sweepOf } from "./rules";
import { byPolicy, walk } from "./walk";

/** Which rules are replayed. */
export interface ReplayChoices {
  /** Rules with or without their parameter, such as "confidence:0.3" or "schedule". Default: all that have a name. */
  rules?: readonly string[];
  /** Rules whose parameters are all tried, and reported one by one. Default: all, where `rules` is not given. */
  sweeps?: readonly string[];
  /** The longest draft that a rule may ask for. Default: the trace's. */
  maxDraft?: number;
}

/** A rule over its parameters. */
export interface SweepReport {
  /** Its name without a parameter. */
  rule: string;
  /** By parameter, ascending. */
  points: RuleReport[];
  /** The point with the most tokens a second: the best parameter in hindsight. */
  best: RuleReport;
  /** With the default parameter; absent if the rule has none. */
  standard?: RuleReport;
}

export interface ReplayResult {
  trace: {
    target: string;
    draft: string;
    verifier: string;
    sampling: Record<string, unknown>;
    prompts: number;
    /** Tokens of all replies. */
    tokens: number;
    /** Drafted tokens of all starts. */
    rows: number;
    maxDraft: number;
  };
  prices: Prices;
  plain: RuleReport;
  /** The best fixed K in hindsight, 0 (plain decoding) included. */
  bestFixed: RuleReport;
  /** Every acceptance probability is known. */
  bound: RuleReport;
  /** The dice are known. */
  oracle: RuleReport;
  /** The rules asked for, as they were given. */
  rules: RuleReport[];
  sweeps: SweepReport[];
}

const replayKeys = [
  "trace",
  "costs",
  "limit",
  "head",
  "forceHead",
  "rules",
  "sweeps",
  "maxDraft",
] satisfies (keyof ReplayOptions)[];

const fixedName = "fixed";
const plainName = "none";

export interface ReplayOptions extends ReplayChoices {
  /** The folder of a trace of walks. */
  trace: string;
  /**
   * What drafting and verifying cost: prices; the name of a built-in list ("paper", "1:10", "1:40");
   * a JSON file of prices or of a calibration; "measured", the calibration of the trace's models on this
   * machine.
   */
  costs: string | Prices;
  /** Replay that many prompts, the first ones. Default: all. */
  limit?: number;
  /**
   * A head file, or a head, for the rules that ask one; the trace needs hidden states then. Scoring a
   * thousand drafted tokens takes some milliseconds.
   */
  head?: string | AcceptanceHead;
  /** Use the head although it was trained for other files, as long as vocabulary and state width are the same. Default false. */
  forceHead?: boolean;
}

/**
 * What stop rules would have come to on the texts of a trace, at given prices. Runs without a model.
 *
 * Rejects with ERR_FILE_NOT_FOUND (the trace, a file of prices, a calibration), with ERR_TRACE_BROKEN, and
 * with ERR_INVALID_ARGUMENT for a trace that is not of walks, prices that are none, and what names no rule.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { trace, costs, limit = Infinity } = object("replay's options", options, replayKeys);
  for (const name of ["rules", "sweeps"] as const) {
    const names: unknown = options[name];
    if (names !== undefined && !isStrings(names)) throw invalid(name, "an array of rules", names);
  }
  if (!(limit === Infinity || (Number.isInteger(limit) && limit >= 1))) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `limit must be a whole number of prompts, 1 or more, but is ${limit}.`,
    );
  }
  const known = await knownCosts(costs);
  return withHead(options, async (head) => {
    const { header, replies } = await loadReplies(trace, limit, head);
    checkReplies(replies);
    const prices = await pricesFor(known, header, replies);
    return replayReplies(header, replies, prices, options, head?.info.kind);
  });
}

/** Gives work the head that was asked for, if any, after a check that it is one for the trace's pair. */
async function withHead<T>(
  { trace, head, forceHead = false }: ReplayOptions,
  work: (head?: AcceptanceHead) => Promise<T>,
): Promise<T> {
  if (head === undefined) return work();
  const { fingerprints, models, stateWidth } = await readTraceHeader(trace);
  if (stateWidth === 0) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `The trace ${trace} has no hidden states, which a head reads. Write one with states, or replay without a head.`,
    );
  }
  const loaded = typeof head === "string" ? await AcceptanceHead.load(head) : head;
  try {
    loaded.checkPair(
      {
        target: { path: models.target, fingerprint: fingerprints.target },
        draft: { path: models.draft, fingerprint: fingerprints.draft, stateWidth },
        vocabulary: () => fingerprints.vocabulary,
      },
      forceHead,
    );
    return await work(loaded);
  } finally {
    if (loaded !== head) loaded.dispose();
  }
}

/** What replay needs to know of a trace. */
export type ReplayedTrace = Pick<
  TraceHeader,
  "mode" | "models" | "sampling" | "verifier" | "maxDraft" | "maxTokens"
>;

/** The same for a trace in memory, and prices. */
export function replayRecords(
  header: ReplayedTrace,
  records: Iterable<TraceRecord>,
  prices: Prices,
  choices: ReplayChoices = {},
): ReplayResult {
  checkMode(header);
  const replies = Array.from(records, (record) => toReply(record, header));
  checkReplies(replies);
  return replayReplies(header, replies, prices, choices);
}

function replayReplies(
  header: ReplayedTrace,
  replies: readonly Reply[],
  prices: Prices,
  choices: ReplayChoices,
  headKind?: HeadKind,
): ReplayResult {
  const maxDraft = longestDraft(header, choices.maxDraft);
  const rules = (choices.rules ?? []).map((rule) => complete(rule, maxDraft, headKind));
  const swept = sweptKinds(choices, maxDraft, headKind);

  const draws = drawResamples(replies.length);
  const generated = resampledSums(
    replies.map((reply) => reply.length),
    draws,
  );
  const known = new Map<string, Sums>();
  const sumsOf = (rule: string): Sums => {
    let sums = known.get(rule);
    if (sums === undefined) {
      const walker = byPolicy(policyOf(rule, maxDraft, headKind), prices, maxDraft);
      sums = sumUp(walk(replies, walker, prices, maxDraft), generated, draws);
      known.set(rule, sums);
    }
    return sums;
  };
  const fixed = kindOf(fixedName, maxDraft);
  const bestFixed = fastest([plainName, ...sweepOf(fixed, maxDraft)], sumsOf);
  const marks: Marks = {
    plain: sumsOf(plainName),
    bestFixed: sumsOf(bestFixed),
    bound: sumUp(knownAcceptance(replies, prices, maxDraft), generated, draws),
    oracle: sumUp(oracle(replies, prices, maxDraft), generated, draws),
  };
  const report = (rule: string): RuleReport => reportOf(rule, sumsOf(rule), marks);
  return {
    trace: {
      target: header.models.target,
      draft: header.models.draft,
      verifier: header.verifier,
      sampling: header.sampling,
      prompts: replies.length,
      tokens: generated[0] ?? 0,
      rows: replies.reduce((sum, reply) => sum + reply.token.length, 0),
      maxDraft,
    },
    prices,
    plain: report(plainName),
    bestFixed: report(bestFixed),
    bound: reportOf("true a known", marks.bound, marks),
    oracle: reportOf("oracle", marks.oracle, marks),
    rules: rules.map(report),
    sweeps: swept.map((kind) => {
      const names = sweepOf(kind, maxDraft);
      if (kind === fixed) names.unshift(plainName); // K = 0
      const standard = defaultOf(kind, maxDraft);
      if (standard !== undefined && !names.includes(standard)) {
        names.push(standard);
        names.sort((a, b) => parameterOf(a) - parameterOf(b));
      }
      const points = names.map(report);
      const point = (rule: string): RuleReport => points[names.indexOf(rule)] ?? report(rule);
      return {
        rule: kind.name,
        points,
        best: point(fastest(names, sumsOf)),
        ...(standard !== undefined && { standard: point(standard) }),
      };
    }),
  };
}

function checkReplies(replies: readonly Reply[]): void {
  if (!replies.some((reply) => reply.length > 0)) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      "The trace has no reply to replay: none of its shards is complete. Let the tracer run on.",
    );
  }
}

function longestDraft(header: Pick<TraceHeader, "maxDraft">, given: number | undefined): number {
  const maxDraft = given ?? header.maxDraft;
  if (!Number.isInteger(maxDraft) || maxDraft < 1 || maxDraft > header.maxDraft) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `maxDraft must be a whole number, 1 to ${header.maxDraft}, the longest draft of the trace, but is ${maxDraft}.`,
    );
  }
  return maxDraft;
}

/** The rule with its parameter, its default if none is given. */
function complete(rule: string, maxDraft: number, headKind: HeadKind | undefined): string {
  const kind = kindOf(rule, maxDraft, headKind);
  const name = rule === kind.name ? (defaultOf(kind, maxDraft) ?? rule) : rule;
  policyOf(name, maxDraft, headKind); // throws where a parameter is missing
  return name;
}

function sweptKinds(
  { rules, sweeps }: ReplayChoices,
  maxDraft: number,
  headKind: HeadKind | undefined,
): (typeof policyKinds)[number][] {
  if (sweeps === undefined) {
    const usable = policyKinds.filter(({ needsHead }) => !needsHead || headKind !== undefined);
    return rules === undefined ? usable.filter(({ name }) => name !== plainName) : [];
  }
  return sweeps.map((name) => {
    const kind = kindOf(name, maxDraft, headKind);
    if (kind.name === name) {
      const standard = defaultOf(kind, maxDraft);
      if (standard !== undefined) policyOf(standard, maxDraft, headKind); // throws without a head it needs
      return kind;
    }
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `A sweep tries all parameters of a rule, so it is named without one: "${kind.name}", but is "${name}".`,
    );
  });
}

function fastest(rules: readonly string[], sumsOf: (rule: string) => Sums): string {
  let best = plainName;
  let least = Infinity;
  for (const rule of rules) {
    const micros = sumsOf(rule).micros[0] ?? Infinity;
    if (micros < least) {
      least = micros;
      best = rule;
    }
  }
  return best;
}
