import { draftsOf } from "../../../lib/head/drafts";
import { splitPrompts } from "../../../lib/head/split";
import { uniform } from "../../../lib/random";
import { syntheticTrace } from "../replay/traces";

const { stored } = syntheticTrace({ prompts: 6, replyTokens: 80, maxDraft: 12, seed: 4 });

test("drafts of a walk reach every position of the text once", () => {
  for (const record of stored) {
    const drafts = draftsOf(record, "walk", 12, uniform(record.prompt));
    const firstRows = Array.from(record.drafted).map((_, start) =>
      record.drafted.subarray(0, start).reduce((sum, count) => sum + count, 0),
    );
    expect(drafts.flatMap(({ rows, reached }) => [...rows.subarray(0, reached)])).toEqual(
      firstRows,
    );
    for (const { rows, reached } of drafts) {
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.length).toBeLessThanOrEqual(12);
      // What is reached is accepted, but for the last where the draft goes on behind it.
      const accepted = [...rows.subarray(0, reached)].map((row) => record.accepted[row]);
      expect(accepted.slice(0, -1)).toEqual(accepted.slice(0, -1).map(() => 1));
      if (reached < rows.length) expect(accepted.at(-1)).toBe(0);
    }
  }
});

test("behind a rejection the rows are those that the walk went on with, with their states", () => {
  const record = {
    ...stored[0]!,
    drafted: Uint8Array.from([1, 4, 1]),
    accepted: Uint8Array.from([1, 0, 0, 0, 0, 1]),
  };
  // States: 0 1 | 2 3 4 5 6 | 7 8
  const longest = draftsOf(record, "walk", 1000, () => 0.9);
  expect(longest.map(({ rows, states, reached }) => [[...rows], [...states], reached])).toEqual([
    [[0, 1, 2, 3, 4], [0, 2, 3, 4, 5], 2],
    [[5], [7], 1],
  ]);
  const single = draftsOf(record, "walk", 1000, () => 0);
  expect(single.map(({ rows }) => [...rows])).toEqual([[0], [1], [5]]);
});

test("drafts of rounds are those of the rounds", () => {
  const record = {
    ...stored[0]!,
    drafted: Uint8Array.from([3, 0, 2]),
    accepted: Uint8Array.from([1, 0, 0, 1, 1]),
  };
  const drafts = draftsOf(record, "rounds", 3, uniform(1));
  expect(drafts.map(({ rows, states, reached }) => [[...rows], [...states], reached])).toEqual([
    [[0, 1, 2], [0, 1, 2], 2],
    [[3, 4], [4, 5], 2],
  ]);
});

test("a tenth of the prompts each is held out, the same for a seed", () => {
  const prompts = Array.from({ length: 50 }, (_, i) => 3 * i);
  const split = splitPrompts([...prompts, ...prompts], 7);
  const parts = [...split.values()];
  const count = (part: string): number => parts.filter((each) => each === part).length;
  expect([count("train"), count("stop"), count("test")]).toEqual([40, 5, 5]);
  expect(splitPrompts(prompts.toReversed(), 7)).toEqual(split);
  expect(splitPrompts(prompts, 8)).not.toEqual(split);
});

test("two prompts are too few", () => {
  expect(() => splitPrompts([1, 2, 1], 1)).toThrow(/at least 3 prompts.* but there are 2/);
});
