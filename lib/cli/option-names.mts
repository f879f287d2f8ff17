// What the library's options are called here.

import { decodingOptions, modelOptions, samplingOptions } from "./options.mjs";

/** A name that yargs gives an argument, as it is typed. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What the library calls otherwise. */
const otherNames: Record<string, string> = {
  stopRule: "--stop",
  maxDraftTokens: "--max-draft",
  maxAgeDays: "--max-age",
  modelsDirectory: "--models-dir",
  forceHead: "--force-head",
  tokenColumns: "--token-columns",
  batchSize: "--batch-size",
  learningRate: "--learning-rate",
  weightDecay: "--weight-decay",
  stateDropout: "--state-dropout",
  rejectionWeight: "--rejection-weight",
};

/** A message of the library with its options called as they are here. */
export function inTermsOfOptions(message: string): string {
  const names = [
    ...Object.keys({ ...modelOptions, ...samplingOptions, ...decodingOptions })
      .filter((name) => name !== "stop")
      .map((name) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())),
    ...Object.keys(otherNames),
  ];
  const pattern = new RegExp(`\\b(?:(target|draft)\\.)?(${names.join("|")})\\b`, "g");
  // What the library calls stop is no option of this name, which has its stopRule.
  const named = message.replace(/^stop must/, "--stop-string must");
  return named.replace(pattern, (found, model: string | undefined, name: string) => {
    const other = otherNames[name];
    if (other !== undefined) return other;
    if (model === undefined && !/[A-Z]/.test(name)) return found; // an ordinary word
    return `--${model === "draft" ? "draft-" : ""}${kebab(name)}`;
  });
}
