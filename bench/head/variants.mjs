import { noStates, onlyReached, stateDropout, withoutColumns, withRecent } from "./changes.mjs";

/** What is changed, of options, of the data, or of what a head sees. */
export const variants = [
  { name: "as it is" },
  ...[0.125, 0.25, 0.5].map((share) => ({ name: `${100 * share} % of the prompts`, share })),
  { name: "without what follows a rejection", train: onlyReached },
  { name: "no state", see: noStates },
  { name: "no scalars", see: withoutColumns(/^(?!first$)/), options: { tokenColumns: 0 } },
  {
    name: "nothing of the drawn token",
    see: withoutColumns(/^drawn\./),
    options: { tokenColumns: 0 },
  },
  { name: "no scalars of the previous token", see: withoutColumns(/^previous\./) },
  { name: "no position", see: withoutColumns(/^log-position$/) },
  { name: "without log-ratio and log-others", see: withoutColumns(/log-ratio$|log-others$/) },
  ...[0.1, 0.3, 0.5].map((share) => ({
    name: `states missing in ${100 * share} % of drafts`,
    train: stateDropout(share),
  })),
  { name: "with the text's recent acceptance", see: withRecent },
  ...[0, 1, 2, 3, 4].map((depth) => ({ name: `depth ${depth}`, options: { depth } })),
  ...[8, 16, 32, 64, 128, 256].map((hidden) => ({ name: `hidden ${hidden}`, options: { hidden } })),
  ...[0, 8, 16, 64, 128].map((tokenColumns) => ({
    name: `${tokenColumns} numbers of the drawn token`,
    options: { tokenColumns },
  })),
  ...[5, 10, 20, 40].map((epochs) => ({ name: `epochs ${epochs}`, options: { epochs } })),
  ...[0, 0.01, 0.1, 0.3, 1].map((weightDecay) => ({
    name: `weight decay ${weightDecay}`,
    options: { weightDecay },
  })),
  ...[0, 0.1, 0.2, 0.3, 0.5].map((stateDropout) => ({
    name: `state dropout ${stateDropout}`,
    options: { stateDropout },
  })),
  ...[3e-4, 1e-3, 2e-3, 4e-3, 8e-3].map((learningRate) => ({
    name: `learning rate ${learningRate}`,
    options: { learningRate },
  })),
  ...[64, 256, 1024].map((batchSize) => ({ name: `batch ${batchSize}`, options: { batchSize } })),
  ...["f32", "f16", "q8_0"].map((type) => ({ name: `matrices in ${type}`, options: { type } })),
];
