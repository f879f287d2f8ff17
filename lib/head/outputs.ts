import type { HeadExamples, HeadKind } from "./examples";

/** What a head is asked at a step with k drafted tokens: of Y_k; of Y_{k+1} while it is not drawn, and once it is. */
export type HeadOutput = "older" | "before" | "newest";

/** In the order of a head's numbers. A head of kind "paper" has the first. */
const headOutputs = ["older", "before", "newest"] as const;

export function outputsOf(kind: HeadKind): readonly HeadOutput[] {
  return kind === "paper" ? ["older"] : headOutputs;
}

/** Which of an example's two labels an output is about. */
function labelOf(output: HeadOutput): 0 | 1 {
  return output === "older" ? 0 : 1;
}

/** The examples whose token verification comes to: what an output is judged by. */
export function reachedBy(
  output: HeadOutput,
  { reached }: HeadExamples,
  indices: Int32Array,
): Int32Array {
  const label = labelOf(output);
  return indices.filter((i) => reached[2 * i + label] === 1);
}

export function labelsOf(
  output: HeadOutput,
  { labels }: HeadExamples,
  indices: Int32Array,
): Float32Array {
  const label = labelOf(output);
  return Float32Array.from(indices, (i) => labels[2 * i + label] ?? NaN);
}

/** Where in the round the token is that an output judges, from 1. */
export function positionOf(output: HeadOutput, k: number): number {
  return output === "older" ? k : k + 1;
}
