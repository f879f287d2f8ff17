import type { NativeHeadShape } from "../native/binding";
import type { HeadExamples } from "./examples";
import type { ResolvedTraining } from "./options";
import { outputsOf } from "./outputs";
import { readableColumns } from "./predictors";

/** The shape of a head that is asked for, for examples. */
export function shapeOf(
  { kind, depth, tied, hidden }: ResolvedTraining,
  { width, columns }: HeadExamples,
): NativeHeadShape {
  if (kind === "paper") {
    return { kind, width, depth, tied, hidden, columns: [], masks: new Uint8Array() };
  }
  const masks = outputsOf(kind).flatMap((output) => {
    const readable = readableColumns(output, columns);
    return columns.map((_, i) => (readable.includes(i) ? 1 : 0));
  });
  return { kind, width, depth, tied, hidden, columns, masks: Uint8Array.from(masks) };
}

/** How many numbers there are to learn. */
export function parametersOf(shape: NativeHeadShape): number {
  const { kind, width, depth, tied, hidden, columns } = shape;
  const blocks = tied ? Math.min(1, depth) : depth;
  const trunk = blocks * (width * width + width);
  if (kind === "paper") return trunk + 2 * width + 2;
  const scalars = columns.length;
  return trunk + 3 * (hidden * (width + scalars + 2) + scalars + 1);
}
