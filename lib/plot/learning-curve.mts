// The picture of a head's training: losses by epoch.

import type { Spec } from "vega";
import type { TrainHeadResult } from "../head/report.js";
import { axis, colours, legend, muted, render, titleStyle } from "./theme.mjs";

/** As an SVG document, light or dark as whoever shows it prefers. */
export function drawLearningCurve(result: TrainHeadResult): Promise<string> {
  return render(specOf(result));
}

function specOf({ epochs, best }: TrainHeadResult): Spec {
  const points = epochs.flatMap(({ epoch, outputs, loss }) => [
    { series: "mean", epoch, loss },
    ...Object.entries(outputs).map(([series, metrics]) => ({ series, epoch, loss: metrics.loss })),
  ]);
  const series = [...new Set(points.map((point) => point.series))];
  const position = { x: { scale: "x", field: "epoch" }, y: { scale: "y", field: "loss" } };
  const colour = { scale: "colour", field: "series" };
  return {
    width: 520,
    height: 320,
    padding: 12,
    title: {
      text: "Loss on held-out prompts, by epoch",
      subtitle: "cross-entropy, nats; dashed: the epoch whose weights were kept",
      ...titleStyle,
    },
    data: [
      { name: "points", values: points },
      { name: "best", values: [{ epoch: best }] },
    ],
    scales: [
      {
        name: "x",
        type: "linear",
        domain: [1, Math.max(2, epochs.length)],
        range: "width",
      },
      {
        name: "y",
        type: "linear",
        domain: { data: "points", field: "loss" },
        range: "height",
        zero: false,
        nice: true,
      },
      { name: "colour", type: "ordinal", domain: series, range: [...colours] },
    ],
    axes: [
      {
        ...axis,
        grid: false,
        orient: "bottom",
        scale: "x",
        title: "epoch",
        format: "d",
        tickMinStep: 1,
      },
      { ...axis, orient: "left", scale: "y", title: "loss" },
    ],
    legends: [{ ...legend, stroke: "colour", symbolType: "stroke", symbolStrokeWidth: 2 }],
    marks: [
      {
        type: "rule",
        from: { data: "best" },
        encode: {
          enter: {
            x: { scale: "x", field: "epoch" },
            y: { value: 0 },
            y2: { signal: "height" },
            stroke: { value: muted },
            strokeDash: { value: [4, 3] },
          },
        },
      },
      {
        type: "group",
        from: { facet: { name: "curve", data: "points", groupby: "series" } },
        marks: [
          {
            type: "line",
            from: { data: "curve" },
            encode: { enter: { ...position, stroke: colour, strokeWidth: { value: 2 } } },
          },
        ],
      },
      {
        type: "symbol",
        from: { data: "points" },
        encode: { enter: { ...position, fill: colour, size: { value: 30 } } },
      },
    ],
  };
}
