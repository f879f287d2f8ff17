// What all pictures have in common.

import type { Spec, Title } from "vega";
import { withDarkScheme } from "./dark-scheme.mjs";

export const text = "#1f2328";
export const muted = "#59636e";
const line = "#d1d9e0";

export const axis = {
  labelColor: muted,
  titleColor: text,
  domainColor: muted,
  tickColor: muted,
  gridColor: line,
  grid: true,
  labelFontSize: 12,
  titleFontSize: 13,
  titleFontWeight: "normal" as const,
  titlePadding: 8,
};

/** Of series, in order. */
export const colours = [
  "#0969da",
  "#1a7f37",
  "#cf222e",
  "#8250df",
  "#bc4c00",
  "#bf3989",
  "#0a7d91",
  "#9a6700",
  text,
] as const;

export const legend = {
  labelColor: text,
  labelFontSize: 12,
  symbolStrokeColor: "transparent",
} as const;

export const titleStyle = {
  anchor: "start",
  color: text,
  subtitleColor: muted,
  fontSize: 15,
  subtitleFontSize: 12,
  offset: 12,
} as const satisfies Partial<Title>;

/** As an SVG document, light or dark as whoever shows it prefers. Loads vega, which takes a while, only now. */
export async function render(spec: Spec): Promise<string> {
  const { parse, View } = await import("vega");
  return withDarkScheme(await new View(parse(spec), { renderer: "none" }).toSVG());
}
