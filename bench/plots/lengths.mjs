// Tokens per second over the fixed draft length, and beside it the rules that choose their own.

import { axisOf, drawPanels, font, muted, ours, text } from "./panels.mjs";

const width = 300;
const height = 200;

/**
 * @typedef {{ panel: string, K: number, value: number, low: number, high: number }} Point
 * @typedef {{ panel: string, label: string, value: number, own: boolean, below: boolean }} Line
 *   a rule without a K; below: where its label goes, that of a line which may be close to another
 */

/**
 * @param {{ title: string, subtitle: string[], columns: number, points: Point[], lines: Line[] }} picture
 */
export function drawLengths({ title, subtitle, columns, points, lines }) {
  const longest = Math.max(...points.map(({ K }) => K));
  const y = (/** @type {string} */ field) => ({ scale: "y", field });
  const x = { scale: "x", field: "K" };
  return drawPanels({
    title,
    subtitle,
    columns,
    data: [...points, ...lines],
    panel: {
      encode: { update: { width: { value: width }, height: { value: height } } },
      data: [
        {
          name: "curve",
          source: "panel",
          transform: [{ type: "filter", expr: "isValid(datum.K)" }],
        },
        {
          name: "rules",
          source: "panel",
          transform: [{ type: "filter", expr: "isValid(datum.label)" }],
        },
      ],
      scales: [
        { name: "x", type: "linear", domain: [1, longest], zero: false, range: [0, width] },
        {
          name: "y",
          type: "linear",
          domain: { data: "panel", fields: ["value", "high"] },
          zero: true,
          nice: true,
          range: [height, 0],
        },
      ],
      axes: [
        axisOf({
          orient: "bottom",
          scale: "x",
          title: "fixed draft length K",
          grid: false,
          format: "d",
          tickMinStep: 1,
        }),
        axisOf({ orient: "left", scale: "y", title: "tokens/s", tickCount: 5 }),
      ],
      marks: [
        {
          type: "area",
          from: { data: "curve" },
          encode: {
            update: {
              x,
              y: y("low"),
              y2: y("high"),
              fill: { value: muted },
              fillOpacity: { value: 0.2 },
            },
          },
        },
        {
          type: "line",
          from: { data: "curve" },
          encode: {
            update: { x, y: y("value"), stroke: { value: muted }, strokeWidth: { value: 2 } },
          },
        },
        {
          type: "rule",
          from: { data: "rules" },
          encode: {
            update: {
              x: { value: 0 },
              x2: { value: width },
              y: y("value"),
              stroke: { signal: `datum.own ? '${ours}' : '${text}'` },
              strokeDash: { signal: "datum.own ? [1, 0] : [4, 3]" },
              strokeWidth: { signal: "datum.own ? 2 : 1" },
            },
          },
        },
        {
          type: "text",
          from: { data: "rules" },
          encode: {
            update: {
              // Plain decoding's on the other side, since the lines may be close to each other.
              x: { signal: `datum.own ? ${width} : 4` },
              align: { signal: "datum.own ? 'right' : 'left'" },
              y: y("value"),
              dy: { signal: "datum.below ? 13 : -5" },
              text: { field: "label" },
              font: { value: font },
              fontSize: { value: 12 },
              fill: { signal: `datum.own ? '${ours}' : '${text}'` },
            },
          },
        },
      ],
    },
  });
}
