import { byId, make } from "./elements.mjs";

/** Plain decoding that a speed is compared with: tokens a second, and where the number comes from. */
let plain;

/** @param {{ tokensPerSecond: number, source: string } | undefined} given */
export function setPlain(given) {
  plain = given;
}

/** @param {import("../protocol.mjs").Figures} figures */
export function showFigures(figures) {
  const { generated, targetPasses, drafted, accepted, tokensPerSecond, draftLengths } = figures;
  byId("speed").value = formatSpeed(tokensPerSecond);
  const speedup = plain && drafted > 0 ? tokensPerSecond / plain.tokensPerSecond : undefined;
  byId("speedup").value = speedup === undefined ? "–" : formatSpeedup(speedup);
  byId("speedup-basis").textContent = plain
    ? `Plain decoding: ${formatSpeed(plain.tokensPerSecond)} tokens/s, ${plain.source}`
    : "Plain decoding has not been measured";
  byId("acceptance").textContent =
    drafted > 0 ? `${Math.round((accepted / drafted) * 100)} % of ${drafted}` : "–";
  byId("tokens-per-pass").textContent = (generated / targetPasses).toFixed(2);
  drawHistogram(draftLengths);
}

export function formatSpeed(tokensPerSecond) {
  return tokensPerSecond.toFixed(tokensPerSecond < 20 ? 1 : 0);
}

export function formatSpeedup(speedup) {
  return `${speedup.toFixed(2)}×`;
}

/** A column for each draft length: its rounds, at the bottom those that were accepted whole. */
function drawHistogram(lengths) {
  const most = Math.max(...lengths.map(({ rounds }) => rounds));
  const columns = lengths.map(({ rounds, whole }, length) => {
    const bar = (kind, count) => {
      const element = make("i");
      element.dataset.bar = kind;
      element.style.flexGrow = count;
      return element;
    };
    const column = make("div", {
      className: "column",
      title: `${length} drafted: ${rounds} rounds, ${whole} of them accepted whole`,
    });
    const stack = make("div", {}, bar("space", most - rounds), bar("part", rounds - whole));
    stack.append(bar(length === 0 ? "none" : "whole", whole));
    column.append(stack, make("small", {}, String(length)));
    return column;
  });
  const histogram = byId("histogram");
  histogram.replaceChildren(...columns);
  histogram.ariaLabel = `Rounds by draft length: ${lengths
    .map(({ rounds }, length) => `${length}: ${rounds}`)
    .join(", ")}`;
}
