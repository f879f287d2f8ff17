// What a head file is, and whether it was made for two models.

import { AcceptanceHead, type HeadInfo, type HeadMetrics } from "../index.js";
import { modelFingerprint } from "../trace/fingerprint.js";
import { formatBytes, formatCount, formatTable, printable } from "./format.mjs";
import { readGgufHeader } from "./gguf-header.mjs";

export interface HeadFile extends HeadInfo {
  path: string;
}

/** Whether a file is a head; what cannot be read is none. */
export function isHeadFile(path: string): boolean {
  try {
    return readGgufHeader(path).values.get("general.architecture") === "specdecpp-head";
  } catch {
    return false;
  }
}

/** Rejects with ERR_MODEL_LOAD for a damaged one. */
export async function readHeadFile(path: string): Promise<HeadFile> {
  using head = await AcceptanceHead.load(path);
  return { path, ...head.info };
}

/** Whether a head was made for two files: which of them it was not made for. */
export async function strangersOf(
  { target, draft }: HeadFile,
  pair: { target: string; draft: string },
): Promise<("target" | "draft")[]> {
  const strangers: ("target" | "draft")[] = [];
  if ((await modelFingerprint(pair.target)) !== target.fingerprint) strangers.push("target");
  if ((await modelFingerprint(pair.draft)) !== draft.fingerprint) strangers.push("draft");
  return strangers;
}

export function describeHeads(heads: readonly HeadFile[]): string {
  const row = (label: string, value: (head: HeadFile) => string): string[] => [
    label,
    ...heads.map((head) => printable(value(head))),
  ];
  return formatTable(
    [
      row("file", ({ path }) => path),
      row("acceptance head", ({ kind, outputs }) => `${kind} (${outputs.join(", ")})`),
      row("parameters", ({ parameters }) => formatCount(parameters)),
      row("matrices", ({ type }) => type),
      row("size", ({ sizeBytes }) => formatBytes(sizeBytes)),
      row(
        "blocks × width",
        ({ depth, width, tied }) => `${depth} × ${width}${tied ? ", tied" : ""}`,
      ),
      row("own layers", ({ hidden }) => (hidden > 0 ? `${hidden} wide` : "-")),
      row("calibrated", ({ calibrated }) => (calibrated ? "yes" : "no")),
      row("for the draft", ({ draft }) => ofFile(draft)),
      row("for the target", ({ target }) => ofFile(target)),
      ...(["older", "before", "newest"] as const).map((output) =>
        row(`${output}, held out`, ({ scores }) => ofScores(scores[output])),
      ),
    ],
    "left",
  );
}

function ofFile({ file, fingerprint }: HeadInfo["draft"]): string {
  return `${file} (${fingerprint.slice(0, 12)}…)`;
}

function ofScores(metrics: HeadMetrics | undefined): string {
  if (metrics === undefined) return "-";
  const { brier, auc, ece } = metrics;
  return `Brier ${brier.toFixed(4)}, AUC ${auc.toFixed(4)}, ECE ${ece.toFixed(4)}`;
}
