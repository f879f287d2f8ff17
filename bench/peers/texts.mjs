// At temperature 0 all systems have to write the same text, or their speeds are not of the same work.

import { createRequire } from "node:module";
import { choosePrompts, targetFile } from "../setting.mjs";

const specdecpp = createRequire(import.meta.url)("../..");

/** Nats by which two tokens' log-probabilities may differ where rounding decides between them. */
const nearTie = 0.02;

/**
 * What the target writes to each prompt, and what it would almost have written.
 * @param {{ set: string, ratio: import("../setting.mjs").TargetName, limit: number, maxTokens: number, threads: number }} cell
 * @param {number} contextSize
 */
export async function referenceTexts({ set, ratio, limit, maxTokens, threads }, contextSize) {
  const { measured } = await choosePrompts(set, limit, maxTokens);
  const engine = await specdecpp.createEngine({
    target: { path: await targetFile(ratio), threads, contextSize },
  });
  const references = [];
  for (const { tokens: prompt } of measured) {
    const options = { maxTokens, logprobs: true };
    const { text, tokens, logprobs, finishReason } = await engine.generate(prompt, options);
    /** By how much the second best token is worse where this text first differs from that. */
    const gapAt = async (/** @type {string} */ other) => {
      const common = commonLength(normalized(text), normalized(other));
      // The token that holds the first different character.
      let at = 0;
      while (
        at < tokens.length &&
        normalized(engine.detokenize(tokens.slice(0, at + 1))).length <= common
      )
        ++at;
      const again = await engine.generate([...prompt, ...tokens.slice(0, at)], {
        maxTokens: 1,
        logprobs: true,
        logitBias: { [tokens[at]]: -Infinity },
      });
      return Math.abs(logprobs[at] - again.logprobs[0]);
    };
    references.push({ text, ended: finishReason === "eog", gapAt });
  }
  return references;
}

/** Systems differ in whether they write the space that a vocabulary puts first. */
const normalized = (/** @type {string} */ text) => text.replace(/^ /, "");

/** @param {string} a @param {string} b */
function commonLength(a, b) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) ++i;
  return i;
}

/**
 * @param {readonly import("../record.mjs").Trial[]} trials
 * @param {Awaited<ReturnType<typeof referenceTexts>>} references
 */
export async function describeTexts(trials, references) {
  let count = 0;
  let ties = 0;
  const wrong = [];
  for (const { name, samples } of trials) {
    for (const { prompt, text, ended } of /** @type {any[]} */ (samples)) {
      const reference = references[prompt];
      if (reference === undefined) throw new Error(`a prompt ${prompt} too many`);
      count += 1;
      const [a, b] = [normalized(reference.text), normalized(text)];
      const common = commonLength(a, b);
      // One that was cut off by its limit may be the beginning of the other.
      const same =
        (common === a.length && (!reference.ended || common === b.length)) ||
        (common === b.length && !ended);
      if (same) continue;
      if ((await reference.gapAt(text)) < nearTie) ties += 1;
      else wrong.push(`${name}, prompt ${prompt}`);
    }
  }
  const different = wrong.length === 0 ? "no others differ" : `DIFFERENT: ${wrong.join("; ")}`;
  return `Of ${count} texts ${ties} part from plain decoding at a near tie (below ${nearTie} nats), ${different}.`;
}
