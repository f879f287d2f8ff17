import { answerRoom, fitHistory } from "../../../lib/chat/fit-history";
import { type ChatMessage, splitTurns } from "../../../lib/chat/messages";
import { rejection } from "../../support/expect-error";

const say = (role: ChatMessage["role"], content = "x"): ChatMessage => ({ role, content });
const system = say("system", "s");

/** So many turns of a question and an answer, and a question. */
function conversation(turns: number): ChatMessage[] {
  const pairs = Array.from({ length: turns }, (_, i) => [
    say("user", `q${i}`),
    say("assistant", `a${i}`),
  ]);
  return [system, ...pairs.flat(), say("user", "last")];
}

/** Ten tokens a message. */
const tenEach = (messages: ChatMessage[]): Promise<{ tokens: number[]; messages: ChatMessage[] }> =>
  Promise.resolve({ tokens: Array<number>(10 * messages.length).fill(0), messages });

test("what fits stays as it is", async () => {
  const messages = conversation(3);
  const fit = await fitHistory(messages, 0, { contextSize: 100, answer: 20 }, tenEach);
  expect(fit.prompt.messages).toEqual(messages);
  expect(fit).toMatchObject({ dropped: 0, droppedTurns: 0 });
});

test("the oldest turns go, whole, until there is an eighth of the context to spare", async () => {
  // 220 tokens of a context of 200: 40 for an answer and 25 to spare leave 135.
  const fit = await fitHistory(conversation(10), 0, { contextSize: 200, answer: 40 }, tenEach);
  expect(fit).toMatchObject({ dropped: 10, droppedTurns: 5 });
  const kept = fit.prompt.messages.map(({ content }) => content);
  expect(kept).toEqual(["s", "q5", "a5", "q6", "a6", "q7", "a7", "q8", "a8", "q9", "a9", "last"]);
});

test.each([1, 2, 3, 7, 20, 33])("of %i turns the fewest go that are enough", async (turns) => {
  for (const contextSize of [60, 100, 160, 300]) {
    const room = { contextSize, answer: 16 };
    const { droppedTurns, prompt } = await fitHistory(conversation(turns), 0, room, tenEach);
    const taken = (dropped: number): number => 10 * (2 + 2 * (turns - dropped));
    expect(prompt.tokens).toHaveLength(taken(droppedTurns));
    if (taken(0) + 16 <= contextSize) expect(droppedTurns).toBe(0);
    else {
      const spare = 16 + Math.floor(contextSize / 8);
      expect(taken(droppedTurns) + spare <= contextSize || droppedTurns === turns).toBe(true);
      expect(taken(droppedTurns - 1) + spare).toBeGreaterThan(contextSize);
    }
  }
});

test("a long history is rendered a few times, not once a turn", async () => {
  let renders = 0;
  await fitHistory(conversation(1000), 0, { contextSize: 100, answer: 10 }, (messages) => {
    renders += 1;
    return tenEach(messages);
  });
  expect(renders).toBeLessThan(15);
});

test("turns that went before stay away", async () => {
  const fit = await fitHistory(conversation(4), 2, { contextSize: 1000, answer: 10 }, tenEach);
  expect(fit).toMatchObject({ dropped: 4, droppedTurns: 2 });
});

test("the last turn stays, with less room for an answer", async () => {
  const fit = await fitHistory(conversation(5), 0, { contextSize: 25, answer: 12 }, tenEach);
  expect(fit.prompt.messages).toEqual([system, say("user", "last")]);
  const exact = await fitHistory(conversation(5), 0, { contextSize: 20, answer: 12 }, tenEach);
  expect(exact.dropped).toBe(10);
});

test("a last turn that does not fit is ERR_CONTEXT_FULL, with what it takes and what there is", async () => {
  const fitting = fitHistory(conversation(5), 0, { contextSize: 19, answer: 5 }, tenEach);
  const { message } = await rejection(fitting, "ERR_CONTEXT_FULL");
  expect(message).toMatch(/20 tokens.*19/);
});

test("a turn is a question with all that follows up to the next", () => {
  const call = say("assistant");
  const result = say("tool");
  const messages = [system, system, say("user"), call, result, say("assistant"), say("user")];
  const { system: leading, turns } = splitTurns(messages);
  expect(leading).toHaveLength(2);
  expect(turns.map((turn) => turn.map(({ role }) => role))).toEqual([
    ["user", "assistant", "tool", "assistant"],
    ["user"],
  ]);
  expect(splitTurns([system])).toEqual({ system: [system], turns: [] });
  expect(splitTurns([call, say("user")]).turns).toHaveLength(2);
});

test("an answer has room for maxTokens, half of the context at most, or for a quarter", () => {
  expect(answerRoom(512, undefined)).toEqual({ contextSize: 512, answer: 128 });
  expect(answerRoom(512, 200).answer).toBe(200);
  expect(answerRoom(512, 5000).answer).toBe(256);
  expect(answerRoom(2, undefined).answer).toBe(1);
});
