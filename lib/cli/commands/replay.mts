import type { CommandModule, InferredOptionTypes, Options } from "yargs";
import { builtInPrices, verifyMicros } from "../../cost/prices.js";
import { replay, type ReplayResult } from "../../index.js";
import { drawPareto } from "../../plot/pareto.mjs";
import type { Figure } from "../../replay/bootstrap.js";
import type { RuleReport } from "../../replay/report.js";
import { formatTable, printable } from "../format.mjs";
import { given } from "../library-options.mjs";
import { headOptions, stopRuleHelp } from "../options.mjs";
import { write, writeJson } from "../output.mjs";
import { writeSvg } from "../svg-file.mjs";

const string = { string: true, requiresArg: true } as const;
const number = { number: true, requiresArg: true } as const;

const options = {
  trace: { ...string, demandOption: true, describe: "Folder of a trace of walks" },
  costs: {
    ...string,
    demandOption: true,
    describe: `Prices: "measured", the calibration of these models; ${Object.keys(builtInPrices).join(", ")}; or a JSON file`,
  },
  rule: {
    ...string,
    array: true,
    describe: "Replay this stop rule, see below; may be given several times",
    defaultDescription: "all",
  },
  sweep: {
    ...string,
    array: true,
    describe: "Report all parameters of this rule; may be given several times",
  },
  "max-draft": {
    ...number,
    describe: "Tokens that a round drafts at most",
    defaultDescription: "the trace's",
  },
  ...headOptions,
  limit: { ...number, describe: "Replay that many prompts", defaultDescription: "all" },
  svg: { ...string, describe: "File for a picture: discards against passes, by rule" },
  json: { boolean: true, describe: "Print one JSON object" },
} as const satisfies Record<string, Options>;

type Arguments = InferredOptionTypes<typeof options>;

export const replayCommand: CommandModule<object, Arguments> = {
  command: "replay",
  describe: "Compare stop rules on a trace, at any prices, without running a model",
  builder: (parser) =>
    parser
      .options(options)
      .example("$0 replay --trace walks --costs measured", "")
      .example("$0 replay --trace walks --costs paper --rule confidence:0.4 --rule schedule", "")
      .example("$0 replay --trace walks --costs 1:10 --sweep fixed --svg pareto.svg", "")
      .example("$0 replay --trace walks --costs paper --head head.gguf --sweep head", "")
      .epilogue(stopRuleHelp()),
  handler: async (args) => {
    const { trace, costs, rule: rules, sweep: sweeps, maxDraft, limit, svg, json } = args;
    const { head, forceHead } = args;
    const result = await replay({
      ...{ trace, costs },
      ...given({ rules, sweeps, maxDraft, limit, head, forceHead }),
    });
    if (svg !== undefined) writeSvg(svg, await drawPareto(result));
    if (json) await writeJson(result);
    else await write(describe(result, costs, sweeps !== undefined));
  },
};

/** points: whether each point of a sweep has its line; else the best and the default have. */
function describe(result: ReplayResult, costs: string, points: boolean): string {
  const { trace, prices, plain, bestFixed, bound, oracle, rules, sweeps } = result;
  const swept = sweeps.flatMap(({ rule, points: all, best, standard }) =>
    points
      ? all.map((report) => lines(report, report.rule === best.rule ? "best" : ""))
      : rule === "fixed"
        ? [] // its best is a mark
        : [
            lines(best, best === standard ? "best, default" : "best"),
            ...(standard && standard !== best ? [lines(standard, "default")] : []),
          ],
  );
  const table = [
    columns,
    ...lines(plain, "plain"),
    ...lines(bestFixed, "best fixed K"),
    ...rules.flatMap((report) => lines(report, "")),
    ...swept.flat(),
    ...lines(bound, "bound"),
    ...lines(oracle, ""),
  ];
  const [plainPass, longPass] = [verifyMicros(prices, 0), verifyMicros(prices, trace.maxDraft)];
  return [
    printable(`${trace.target}, drafted for by ${trace.draft}, ${trace.verifier}`),
    `${trace.prompts} prompts, ${trace.tokens} tokens, ${trace.rows} drafted from all starts`,
    `Prices (${printable(costs)}): a draft step ${ms(prices.draftStepMicros)} ms, a pass ${ms(plainPass)} ms, with ${trace.maxDraft} drafted ${ms(longPass)} ms`,
    "",
    formatTable(table, "right"),
    '"best": its fastest parameter in hindsight. Below each figure its 95 % interval over prompts.\n',
  ].join("\n");
}

const columns = [
  "",
  "",
  "tokens/s",
  "speed-up",
  "over best K",
  "of oracle",
  "of gap",
  "discarded",
  "passes",
  "mean K",
];

/** A report as a line of figures and one of their intervals. */
function lines(report: RuleReport, note: string): string[][] {
  const figures: [Figure, (value: number) => string][] = [
    [report.tokensPerSecond, (value) => value.toFixed(value >= 100 ? 0 : 1)],
    [report.speedup, (value) => value.toFixed(2)],
    [report.gain, (value) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)} %`],
    [report.shareOfOracle, (value) => value.toFixed(2)],
    [report.shareOfGap, (value) => value.toFixed(2)],
    [report.discardRate, (value) => value.toFixed(2)],
    [report.verificationRate, (value) => value.toFixed(3)],
    [report.meanDraft, (value) => value.toFixed(1)],
  ];
  const values = figures.map(([{ value }, format]) => (Number.isNaN(value) ? "-" : format(value)));
  const intervals = figures.map(([{ low, high }, format]) =>
    low === undefined || high === undefined ? "" : `${format(low)}…${format(high)}`,
  );
  const first = [report.rule, note, ...values];
  return intervals.some((interval) => interval !== "") ? [first, ["", "", ...intervals]] : [first];
}

/** Three digits or so. */
function ms(micros: number): string {
  return Number((micros / 1000).toPrecision(3)).toString();
}
