// Speedups over plain decoding as bars, with their intervals.

import { axisOf, drawPanels, font, muted, others, ours, text } from "./panels.mjs";

const width = 260;
const barHeight = 22;

/**
 * @typedef {{ panel: string, label: string, value: number, low: number, high: number, own: boolean }} Bar
 *   own: in the colour of what is ours
 */

/**
 * @param {{ title: string, subtitle: string[], columns: number, bars: Bar[] }} picture
 */
export function drawBars({ title, subtitle, columns, bars }) {
  const most = Math.max(...bars.map(({ high }) => high), 1);
  const count = (/** @type {string} */ name) => bars.filter(({ panel }) => panel === name).length;
  const height = barHeight * Math.max(...bars.map(({ panel }) => count(panel)));
  const x = (/** @type {string} */ field) => ({ scale: "x", field });
  const middle = { scale: "y", field: "label", band: 0.5 };
  return drawPanels({
    title,
    subtitle,
    columns,
    data: bars,
    panel: {
      encode: { update: { width: { value: width }, height: { value: height } } },
      scales: [
        { name: "x", type: "linear", domain: [0, 1.12 * most], range: [0, width] },
        {
          name: "y",
          type: "band",
          domain: { data: "panel", field: "label" },
          range: [0, height],
          padding: 0.25,
        },
      ],
      axes: [
        axisOf({ orient: "bottom", scale: "x", title: "speed over plain decoding", tickCount: 5 }),
        axisOf({
          orient: "left",
          scale: "y",
          grid: false,
          ticks: false,
          domain: false,
          labelColor: text,
          labelLimit: 0, // none
          labelPadding: 6,
        }),
      ],
      marks: [
        {
          type: "rect",
          name: "bars",
          from: { data: "panel" },
          encode: {
            update: {
              x: { scale: "x", value: 0 },
              x2: x("value"),
              y: { scale: "y", field: "label" },
              height: { scale: "y", band: 1 },
              fill: { signal: `datum.own ? '${ours}' : '${others}'` },
            },
          },
        },
        {
          type: "rule",
          encode: {
            update: {
              x: { scale: "x", value: 1 },
              y: { value: 0 },
              y2: { value: height },
              stroke: { value: muted },
              strokeDash: { value: [4, 3] },
            },
          },
        },
        {
          type: "rule",
          from: { data: "panel" },
          encode: {
            update: { x: x("low"), x2: x("high"), y: middle, stroke: { value: text } },
          },
        },
        {
          type: "text",
          from: { data: "panel" },
          encode: {
            update: {
              x: x("high"),
              dx: { value: 6 },
              y: middle,
              baseline: { value: "middle" },
              text: { signal: "format(datum.value, '.2f')" },
              font: { value: font },
              fontSize: { value: 12 },
              fill: { value: text },
            },
          },
        },
      ],
    },
  });
}
