// What an expectation comes to, in a sentence or two.

import type { Expectation } from "./expectation";

/** From here on a speedup is worth the memory of a draft. */
const worthwhile = 1.05;

export function advise(expectation: Expectation): string {
  const { lengths, bestK, draftStepMicros } = expectation;
  const plain = lengths.find(({ K }) => K === 0);
  const best = lengths.find(({ K }) => K === bestK);
  if (plain === undefined || best === undefined) return "";
  const { value, low = value } = best.speedup;
  if (bestK > 0 && value >= worthwhile) {
    const sure = low >= 1 ? "" : " Its interval reaches below 1: measure on prompts of yours.";
    return `Use the draft with --stop fixed:${bestK}, or with the default rule where texts vary: about ${value.toFixed(2)} times as fast as plain decoding.${sure}`;
  }
  const pass = plain.verifyMicros;
  const one = lengths.find(({ K }) => K === 1);
  const four = lengths.find(({ K }) => K === 4);
  const causes = [
    ...(draftStepMicros > 0.3 * pass
      ? [
          `a draft step costs ${percent(draftStepMicros / pass)} of a pass of the target: try a smaller draft, or a larger target`,
        ]
      : []),
    ...(four !== undefined && four.verifyMicros > 2 * pass
      ? [
          `verifying four drafted tokens costs ${(four.verifyMicros / pass).toFixed(1)} passes on this machine: try a GPU, or other --threads`,
        ]
      : []),
    ...((one?.acceptance ?? 1) < 0.5
      ? [
          `only ${percent(one?.acceptance ?? NaN)} of first drafted tokens are accepted: try a draft of the same family and tuning`,
        ]
      : []),
  ];
  const why = causes.length > 0 ? ` The reason: ${causes.join("; and ")}.` : "";
  return `Decode plainly, without the draft: no draft length is ${worthwhile} times as fast.${why}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
