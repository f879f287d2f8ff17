// Tables of results, as Markdown.

/** @typedef {{ value: number, low?: number, high?: number }} Figure */

/** @param {Figure} figure @param {number} digits */
function text({ value, low, high }, digits) {
  if (!Number.isFinite(value)) return "–";
  const interval =
    low === undefined || high === undefined
      ? ""
      : ` [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
  return `${value.toFixed(digits)}${interval}`;
}

/**
 * @param {object} cell
 * @param {ReturnType<typeof import("./trials.mjs").summarize>} rows
 * @param {string[]} ratios names of columns
 */
export function printTable(cell, rows, ratios) {
  const heads = ["", "tokens/s", ...ratios, "tokens per pass", "accepted"];
  const lines = rows.map((row) => [
    row.name,
    text(row.tokensPerSecond, 0),
    ...ratios.map((ratio) => text(/** @type {any} */ (row)[ratio], 2)),
    text(row.tokensPerPass, 2),
    text({ value: row.acceptance }, 2),
  ]);
  const conditions = Object.entries(cell).map(([key, value]) => `${key} ${value}`);
  console.log(`\n${conditions.join(", ")}\n`);
  for (const line of [heads, heads.map(() => "---"), ...lines])
    console.log(`| ${line.join(" | ")} |`);
}
