import { Fates } from "./fates.mjs";

/**
 * Answers a question: yields the messages of its rounds, then that of its end.
 *
 * @param {import("specdecpp").Engine} engine
 * @param {string} question
 * @param {import("specdecpp").GenerateOptions} options
 * @returns {AsyncGenerator<import("../protocol.mjs").Round | import("../protocol.mjs").Answered>}
 */
export async function* answer(engine, question, options) {
  const fates = new Fates(engine);
  const figures = {
    generated: 0,
    targetPasses: 0,
    drafted: 0,
    accepted: 0,
    tokensPerSecond: 0,
    draftLengths: [],
  };
  const chunks = chunksOf(engine, question, options);
  let millis = 0;
  for (let first = true; ; first = false) {
    const start = performance.now();
    const { done, value } = await chunks.next();
    if (done) {
      const { finishReason, seed, stats } = value;
      const { tokensPerSecond } = stats;
      yield { type: "answered", finishReason, seed, figures: { ...figures, tokensPerSecond } };
      return;
    }
    const { round, tokens } = value;
    // The first wait is for the prompt too, which is no part of the speed.
    millis += first ? (round.draftMicros + round.verifyMicros) / 1000 : performance.now() - start;
    addRound(figures, round);
    figures.tokensPerSecond = (figures.generated / millis) * 1000;
    yield { type: "round", tokens: fates.of(round, tokens), figures };
  }
}

/** In the form of the model's chat template; a model without one continues the text. */
async function* chunksOf(engine, question, options) {
  try {
    return yield* engine.chatStream([{ role: "user", content: question }], options);
  } catch (error) {
    if (error.code !== "ERR_NO_CHAT_TEMPLATE") throw error;
    return yield* engine.stream(question, options);
  }
}

function addRound(figures, { generated, drafted, accepted }) {
  figures.generated += generated;
  figures.targetPasses += 1;
  figures.drafted += drafted;
  figures.accepted += accepted;
  const { draftLengths } = figures;
  while (draftLengths.length <= drafted) draftLengths.push({ rounds: 0, whole: 0 });
  draftLengths[drafted].rounds += 1;
  if (accepted === drafted) draftLengths[drafted].whole += 1;
}
