// The picture of a calibration: what a pass costs by the number of drafted tokens it verifies, V(K), and
// what a draft step costs, t_d, for each context length.

import type { Spec, Title } from "vega";
import type { Calibration, Timing } from "../index.js";
import { axis, render, text, titleStyle } from "./theme.mjs";

const colours = ["#0969da", "#bc4c00", "#1a7f37"];

/** As an SVG document, light or dark as whoever shows it prefers. */
export function drawCosts(calibration: Calibration): Promise<string> {
  return render(specOf(calibration));
}

interface Point {
  /** The context length. */
  series: string;
  K: number;
  millis: number;
  low: number;
  high: number;
}

function pointOf(contextLength: number, K: number, { micros, low, high }: Timing): Point {
  const [millis, from, to] = [micros / 1000, low / 1000, high / 1000];
  return { series: `${contextLength} tokens`, K, millis, low: from, high: to };
}

function specOf({ costs, identity, maxDraftTokens }: Calibration): Spec {
  const { target, draft, machine } = identity;
  const passes = costs.flatMap(({ contextLength, verify }) =>
    verify.map((timing, K) => pointOf(contextLength, K, timing)),
  );
  const steps = costs.map(({ contextLength, draftStep }) => pointOf(contextLength, 0, draftStep));
  const position = { x: { scale: "x", field: "K" }, y: { scale: "y", field: "millis" } };
  const colour = { scale: "colour", field: "series" };
  const title: Title = {
    text: "A target pass over K drafted tokens; dashed: a draft step",
    subtitle: [
      `${target.description}, drafted for by ${draft.description}`,
      [machine.processor, `${machine.cores} cores`, ...machine.devices].join(", "),
    ],
    ...titleStyle,
  };
  return {
    width: 520,
    height: 320,
    padding: 12,
    title,
    data: [
      { name: "passes", values: passes },
      { name: "steps", values: steps },
    ],
    scales: [
      { name: "x", type: "linear", domain: [0, maxDraftTokens], range: "width" },
      {
        name: "y",
        type: "linear",
        // By the medians: the interval of a time that is out of line need not fit.
        domain: { data: "passes", field: "millis" },
        range: "height",
        zero: true,
        nice: true,
      },
      {
        name: "colour",
        type: "ordinal",
        domain: { data: "steps", field: "series" },
        range: colours,
      },
    ],
    axes: [
      {
        ...axis,
        grid: false,
        orient: "bottom",
        scale: "x",
        title: "K, drafted tokens",
        format: "d",
        tickMinStep: 1,
      },
      { ...axis, orient: "left", scale: "y", title: "milliseconds" },
    ],
    legends: [
      {
        stroke: "colour",
        title: "context",
        titleColor: text,
        titleFontSize: 12,
        labelColor: text,
        labelFontSize: 12,
        symbolType: "stroke",
        symbolStrokeWidth: 2,
      },
    ],
    marks: [
      {
        type: "group",
        clip: true,
        encode: { enter: { width: { signal: "width" }, height: { signal: "height" } } },
        marks: [
          {
            type: "group",
            from: { facet: { name: "curve", data: "passes", groupby: "series" } },
            marks: [
              {
                type: "area",
                from: { data: "curve" },
                encode: {
                  enter: {
                    x: position.x,
                    y: { scale: "y", field: "low" },
                    y2: { scale: "y", field: "high" },
                    fill: colour,
                    fillOpacity: { value: 0.2 },
                  },
                },
              },
              {
                type: "line",
                from: { data: "curve" },
                encode: { enter: { ...position, stroke: colour, strokeWidth: { value: 2 } } },
              },
            ],
          },
          {
            type: "rule",
            from: { data: "steps" },
            encode: {
              enter: {
                x: { value: 0 },
                x2: { signal: "width" },
                y: position.y,
                stroke: colour,
                strokeDash: { value: [4, 3] },
              },
            },
          },
        ],
      },
    ],
  };
}
