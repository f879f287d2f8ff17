/**
 * Says of the tokens of a stream what became of them. Text can be held back for a later round than its
 * own, so the rounds' own tokens wait here for theirs.
 */
export class Fates {
  #engine;
  /** Of rounds whose own token is still to come. */
  #own = [];

  /** @param {Pick<import("specdecpp").Engine, "detokenize">} engine */
  constructor(engine) {
    this.#engine = engine;
  }

  /**
   * @param {import("specdecpp").RoundInfo} round
   * @param {import("specdecpp").OutputToken[]} tokens
   * @returns {import("../protocol.mjs").ShownToken[]}
   */
  of(round, tokens) {
    if (round.generated > round.accepted) this.#own.push(this.#ownOf(round));
    return tokens.map(({ text, origin }) =>
      origin === "draft" ? { text, fate: "accepted" } : { text, ...this.#own.shift() },
    );
  }

  /** What becomes of the token that the target adds to a round. */
  #ownOf({ drafted, accepted, draft = [] }) {
    if (drafted === 0) return { fate: "plain" };
    if (accepted === drafted) return { fate: "bonus" };
    const rejected = draft.slice(accepted).map(({ id }) => this.#engine.detokenize([id]));
    return { fate: "corrected", rejected };
  }
}
