// What pictures of several panels have in common: one below and beside the other, each with its title.

import { axis, muted, render, text, titleStyle } from "../../dist/plot/theme.mjs";

export const ours = "#0969da";
export const others = "#9198a1";
export const font = "system-ui, sans-serif";

const textStyle = Object.fromEntries(
  ["guide-label", "guide-title", "group-title", "group-subtitle"].map((style) => [style, { font }]),
);

/**
 * A picture of panels, as an SVG document.
 * @param {{ title: string, subtitle: string[], columns: number, data: any[], panel: any }} picture data: of
 *   the name "points", with a field "panel"; panel: a group's size, scales, axes and marks, whose own data is
 *   called "panel"
 */
export function drawPanels({ title, subtitle, columns, data, panel }) {
  return render({
    padding: 12,
    config: { style: textStyle },
    title: { text: title, subtitle, ...titleStyle, offset: 20, subtitlePadding: 4 },
    layout: { columns, padding: { row: 28, column: 36 }, bounds: "full", align: "all" },
    data: [{ name: "points", values: data }],
    marks: [
      {
        type: "group",
        from: { facet: { name: "panel", data: "points", groupby: "panel" } },
        title: {
          text: { signal: "parent.panel" },
          anchor: "start",
          color: text,
          fontSize: 13,
          offset: 6,
        },
        ...panel,
      },
    ],
  });
}

/** @param {object} more */
export const axisOf = (more) => ({ ...axis, ...more });
export { muted, text };
