import { SpecdecError } from "../errors";
import { type ChatMessage, splitTurns } from "./messages";

/** Tokens: what the context holds, and how many of them an answer is to have room for. */
export interface Room {
  contextSize: number;
  answer: number;
}

/** What an answer is to have room for: maxTokens up to half of the context, else a quarter of it. */
export function answerRoom(contextSize: number, maxTokens: number | undefined): Room {
  const answer = Math.min(maxTokens ?? contextSize / 4, contextSize / 2);
  return { contextSize, answer: Math.max(1, Math.floor(answer)) };
}

/** A prompt, and how many turns and messages of the history it is without. */
export interface Fit<Prompt> {
  prompt: Prompt;
  droppedTurns: number;
  dropped: number;
}

/**
 * The prompt of as much history as fits together with an answer. If it does not fit, the oldest turns
 * after the system messages are left out until it does with an eighth of the context to spare, so that
 * the next turns need not drop again: all that is behind a dropped turn has to be evaluated anew. The
 * last turn always stays. firstTurns: turns that are left out in any case.
 *
 * Rejects with ERR_CONTEXT_FULL if the last turn leaves no room for a token, and with what `build` does.
 */
export async function fitHistory<Prompt extends { tokens: readonly number[] }>(
  messages: readonly ChatMessage[],
  firstTurns: number,
  { contextSize, answer }: Room,
  build: (messages: ChatMessage[]) => Promise<Prompt>,
): Promise<Fit<Prompt>> {
  const { system, turns } = splitTurns(messages);
  const without = async (count: number): Promise<Fit<Prompt>> => ({
    prompt: await build([...system, ...turns.slice(count).flat()]),
    droppedTurns: count,
    dropped: turns.slice(0, count).flat().length,
  });
  const most = Math.max(0, turns.length - 1);
  let fit = await without(Math.min(firstTurns, most));
  const free = (): number => contextSize - fit.prompt.tokens.length;
  if (free() < answer) {
    // The fewest turns whose absence is enough, by bisection: each try renders all that is left.
    const spare = Math.floor(contextSize / 8);
    let enough = most;
    for (let tooFew = fit.droppedTurns; enough - tooFew > 1;) {
      const middle = Math.floor((tooFew + enough) / 2);
      fit = await without(middle);
      if (free() >= answer + spare) enough = middle;
      else tooFew = middle;
    }
    if (fit.droppedTurns !== enough) fit = await without(enough);
  }
  if (free() < 0) {
    throw new SpecdecError(
      "ERR_CONTEXT_FULL",
      `The last turn takes ${fit.prompt.tokens.length} tokens with the system message and the template, the target's context has ${contextSize}. Shorten it, or ask for a larger contextSize.`,
    );
  }
  return fit;
}
