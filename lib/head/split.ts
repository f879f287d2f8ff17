import { uniform } from "../random";
import { SpecdecError } from "../errors";

/** train: the weights; stop: when to stop, and the calibration; test: what is reported at the end. */
export type Part = "train" | "stop" | "test";

const heldOut = 0.1;

/**
 * Which part each prompt is in: a tenth each is held out, one prompt at least. Throws ERR_INVALID_ARGUMENT
 * for fewer than three prompts.
 */
export function splitPrompts(prompts: Iterable<number>, seed: number): Map<number, Part> {
  const random = uniform(seed);
  const drawn = [...new Set(prompts)]
    .sort((a, b) => a - b)
    .map((prompt) => ({ prompt, at: random() }))
    .sort((a, b) => a.at - b.at);
  if (drawn.length < 3) {
    throw new SpecdecError(
      "ERR_INVALID_ARGUMENT",
      `A head needs traces of at least 3 prompts, as some are held out, but there are ${drawn.length}. Trace more.`,
    );
  }
  const each = Math.max(1, Math.round(heldOut * drawn.length));
  const partOf = (i: number): Part => (i < each ? "test" : i < 2 * each ? "stop" : "train");
  return new Map(drawn.map(({ prompt }, i) => [prompt, partOf(i)]));
}
