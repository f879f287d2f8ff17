// The picture of a head's calibration: what it predicted, and what came.

import type { Spec } from "vega";
import type { TrainHeadResult } from "../head/report.js";
import { axis, colours, legend, muted, render, titleStyle } from "./theme.mjs";

/** As an SVG document, light or dark as whoever shows it prefers. */
export function drawReliability(result: TrainHeadResult): Promise<string> {
  return render(specOf(result));
}

function specOf({ outputs, survival }: TrainHeadResult): Spec {
  const series = [
    ...Object.entries(outputs).map(([name, { reliability }]) => ({ name, reliability })),
    ...(survival
      ? [{ name: "a draft's first k tokens", reliability: survival.rejection.reliability }]
      : []),
  ];
  const points = series.flatMap(({ name, reliability }) =>
    reliability.map((bin) => ({ series: name, ...bin })),
  );
  const position = { x: { scale: "x", field: "predicted" }, y: { scale: "y", field: "accepted" } };
  const colour = { scale: "colour", field: "series" };
  return {
    width: 380,
    height: 380,
    padding: 12,
    title: {
      text: "What the head predicted, and what was accepted",
      subtitle: "prompts that it has not seen; on the line: calibrated. Larger: more tokens",
      ...titleStyle,
    },
    data: [
      { name: "points", values: points },
      {
        name: "diagonal",
        values: [
          { predicted: 0, accepted: 0 },
          { predicted: 1, accepted: 1 },
        ],
      },
    ],
    scales: [
      { name: "x", type: "linear", domain: [0, 1], range: "width" },
      { name: "y", type: "linear", domain: [0, 1], range: "height" },
      {
        name: "colour",
        type: "ordinal",
        domain: series.map(({ name }) => name),
        range: [...colours],
      },
      {
        name: "size",
        type: "linear",
        domain: { data: "points", field: "examples" },
        zero: true,
        range: [8, 160],
      },
    ],
    axes: [
      { ...axis, orient: "bottom", scale: "x", title: "predicted probability" },
      { ...axis, orient: "left", scale: "y", title: "accepted" },
    ],
    legends: [{ ...legend, fill: "colour", symbolType: "circle" }],
    marks: [
      {
        type: "line",
        from: { data: "diagonal" },
        encode: { enter: { ...position, stroke: { value: muted }, strokeDash: { value: [4, 3] } } },
      },
      {
        type: "group",
        from: { facet: { name: "curve", data: "points", groupby: "series" } },
        marks: [
          {
            type: "line",
            from: { data: "curve" },
            encode: { enter: { ...position, stroke: colour, strokeWidth: { value: 1.5 } } },
          },
        ],
      },
      {
        type: "symbol",
        from: { data: "points" },
        encode: {
          enter: { ...position, fill: colour, size: { scale: "size", field: "examples" } },
        },
      },
    ],
  };
}
