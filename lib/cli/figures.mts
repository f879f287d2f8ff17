import type { GenerationStats } from "../index.js";
import { formatPercent, formatTable } from "./format.mjs";

/** Characters of a bar for a share of 1. */
const barWidth = 20;

/** How far drafts were accepted, how long they were, and why they stopped, as tables with bars. */
export function formatFigures(stats: GenerationStats): string {
  const rounds = (count: number): string => `${count} ${count === 1 ? "round" : "rounds"}`;
  const share = (label: string, count: number): string[] => [
    label,
    bar(count / stats.targetPasses),
    rounds(count),
  ];
  const positions = stats.acceptanceByPosition.map(({ drafted, accepted }, i) => [
    `  ${i + 1}`,
    bar(accepted / drafted),
    `${formatPercent(accepted / drafted)} of ${drafted}`,
  ]);
  const lengths = stats.draftLengths.flatMap((count, length) =>
    count === 0 ? [] : [share(`  ${length}`, count)],
  );
  const reasons = Object.entries(stats.stopReasons).flatMap(([reason, count]) =>
    count === 0 ? [] : [share(`  ${reason}`, count)],
  );
  return [
    section("Accepted, by position in the draft", positions),
    section("Tokens drafted", lengths),
    section("Why drafting stopped", reasons),
  ].join("");
}

function section(heading: string, rows: readonly string[][]): string {
  return rows.length === 0 ? "" : `${heading}:\n${formatTable(rows, "left")}`;
}

function bar(share: number): string {
  const length = Math.round(share * barWidth);
  return (length === 0 && share > 0 ? "▏" : "█".repeat(length)).padEnd(barWidth);
}
