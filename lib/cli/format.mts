import type { GenerationStats } from "../index.js";

/** 205.3 MB and the like: three or four digits, decimal units as disks have them. */
export function formatBytes(bytes: number): string {
  return formatCount(bytes, ["B", "kB", "MB", "GB", "TB"]);
}

/** 5.87 M and the like. */
export function formatCount(count: number, units = ["", "k", "M", "G", "T"]): string {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? ""}`.trimEnd();
}

/** 8 s, 12 min, 3.5 h. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

/** Two decimals; of what is too small for them one digit: 0.93, 2e-3. */
export function formatProbability(p: number): string {
  return p >= 0.005 || p === 0 ? p.toFixed(2) : p.toExponential(0);
}

/** A generation in one line. */
export function formatSummary(stats: GenerationStats): string {
  return [
    `${stats.generated} ${stats.generated === 1 ? "token" : "tokens"}`,
    `${stats.tokensPerSecond.toFixed(1)} tokens/s`,
    `${stats.tokensPerPass.toFixed(2)} tokens per target pass`,
    ...(stats.drafted > 0 ? [`${formatPercent(stats.acceptanceRate)} of the draft accepted`] : []),
  ].join(", ");
}

/** Rows in aligned columns: the first to the left, the others as said. */
export function formatTable(rows: readonly string[][], align: "left" | "right"): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const pad = (cell: string, i: number): string =>
    i > 0 && align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
  return rows.map((row) => `${row.map(pad).join("  ").trimEnd()}\n`).join("");
}

/** Text from a file, fit for a terminal: control characters could move its cursor, or worse. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "\u{FFFD}");
}

/** A token's text with its spaces and all that a terminal would obey made visible: ␣ is a space, ␊ a newline. */
export function visible(text: string): string {
  return text
    .replaceAll(" ", "␣")
    .replace(/\p{Cc}/gu, (control) => {
      const code = control.charCodeAt(0);
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "␡" : "\u{FFFD}";
    })
    .replace(/[\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, "\u{FFFD}");
}
