/** Colours of light figures, and what they are on a dark ground. */
const darkColours: Readonly<Record<string, string>> = {
  "#1f2328": "#f0f6fc",
  "#59636e": "#9198a1",
  "#d1d9e0": "#3d444d",
  "#0969da": "#4493f8",
  "#1a7f37": "#3fb950",
  "#cf222e": "#f85149",
  "#8250df": "#ab7df8",
  "#bc4c00": "#f0883e",
  "#bf3989": "#f778ba",
  "#0a7d91": "#39c5cf",
  "#9a6700": "#d29922",
};

/**
 * An SVG document that is dark where its reader's colour scheme is: styles go before the attributes
 * that a renderer sets.
 */
export function withDarkScheme(svg: string): string {
  const rules = Object.entries(darkColours).map(
    ([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`,
  );
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
  return svg.replace(/<svg[^>]*>/, (opening) => `${opening}${style}`);
}
