// The picture of a replay: how many drafts are discarded against how many passes are needed, by rule.

import type { Spec, Title } from "vega";
import type { ReplayResult } from "../replay/replay.js";
import type { RuleReport } from "../replay/report.js";
import { axis, colours, legend, render, text, titleStyle } from "./theme.mjs";

interface Point {
  series: string;
  label: string;
  discard: number;
  verify: number;
  best: boolean;
}

const font = "system-ui, sans-serif";

/** As an SVG document, light or dark as whoever shows it prefers. */
export function drawPareto(result: ReplayResult): Promise<string> {
  return render(specOf(result));
}

function specOf({ sweeps, rules, bestFixed, bound, oracle, trace }: ReplayResult): Spec {
  const point =
    (series: string, best?: RuleReport) =>
    (report: RuleReport): Point => ({
      series,
      label: report.rule,
      discard: report.discardRate.value,
      verify: report.verificationRate.value,
      best: report.rule === best?.rule,
    });
  const points = [
    ...sweeps.flatMap(({ rule, points: all, best }) => all.map(point(rule, best))),
    ...rules.map((report) => point(report.rule, report)(report)),
  ];
  // Between the best fixed K, above, and the oracle, to the left, the bound's label goes below.
  const marks = [bestFixed, bound, oracle].map((report) => ({
    ...point("", report)(report),
    lowerLeft: report === bound,
  }));
  const shown = [...points.filter(({ best }) => best), ...marks];
  // Long drafts are discarded without end; what matters is around the best points.
  const most = (value: (point: Point) => number): number =>
    1.5 * Math.max(...shown.map(value), 0.1);
  const fewestPasses = Math.min(...shown.map(({ verify }) => verify));
  const series = [...new Set(points.map(({ series: name }) => name))];
  const position = {
    x: { scale: "x", field: "discard" },
    y: { scale: "y", field: "verify" },
  };
  const title: Title = {
    text: "Discarded drafts against target passes, per generated token",
    subtitle: `each rule over its parameter; large: its fastest. ${trace.prompts} prompts, ${trace.tokens} tokens`,
    ...titleStyle,
  };
  return {
    width: 520,
    height: 360,
    padding: 12,
    config: {
      style: {
        "guide-label": { font },
        "guide-title": { font },
        "group-title": { font },
        "group-subtitle": { font },
      },
    },
    title,
    data: [
      { name: "points", values: points },
      { name: "marks", values: marks },
    ],
    scales: [
      { name: "x", type: "linear", domain: [0, most(({ discard }) => discard)], range: "width" },
      {
        name: "y",
        type: "linear",
        zero: false,
        domain: [
          0.8 * fewestPasses,
          Math.min(
            1.05,
            most(({ verify }) => verify),
          ),
        ],
        range: "height",
      },
      { name: "colour", type: "ordinal", domain: series, range: [...colours] },
    ],
    axes: [
      { ...axis, orient: "bottom", scale: "x", title: "discard rate" },
      { ...axis, orient: "left", scale: "y", title: "verification rate" },
    ],
    legends: [{ ...legend, fill: "colour", symbolType: "circle" }],
    marks: [
      {
        type: "group",
        clip: true,
        encode: {
          enter: { width: { signal: "width" }, height: { signal: "height" } },
        },
        marks: [
          {
            type: "group",
            from: { facet: { name: "series", data: "points", groupby: "series" } },
            marks: [
              {
                type: "line",
                from: { data: "series" },
                encode: {
                  enter: {
                    ...position,
                    stroke: { scale: "colour", field: "series" },
                    strokeWidth: { value: 1.5 },
                    strokeOpacity: { value: 0.7 },
                  },
                },
              },
            ],
          },
          {
            type: "symbol",
            from: { data: "points" },
            encode: {
              enter: {
                ...position,
                size: { signal: "datum.best ? 110 : 18" },
                fill: { scale: "colour", field: "series" },
                tooltip: { field: "label" },
              },
            },
          },
        ],
      },
      {
        type: "symbol",
        from: { data: "marks" },
        encode: {
          enter: {
            ...position,
            shape: { value: "cross" },
            size: { value: 70 },
            fill: { value: text },
          },
        },
      },
      {
        type: "text",
        from: { data: "marks" },
        encode: {
          enter: {
            ...position,
            align: { signal: "datum.lowerLeft ? 'right' : 'left'" },
            dx: { signal: "datum.lowerLeft ? -6 : 8" },
            dy: { signal: "datum.lowerLeft ? 14 : -9" },
            text: { field: "label" },
            font: { value: font },
            fontSize: { value: 12 },
            fill: { value: text },
          },
        },
      },
    ],
  };
}
