import { Trials } from "../../../lib/policy/trials";

/** Rounds without a draft until a trial is due. */
function wait(trials: Trials): number {
  for (let rounds = 0; ; ++rounds) {
    if (trials.due) return rounds;
    trials.pass(0);
  }
}

test("trials that do not pay come ever more rarely, but do not cease", () => {
  const trials = new Trials();
  const waits = Array.from({ length: 6 }, () => {
    const rounds = wait(trials);
    expect(trials.judge(false, 1)).toBe(false);
    return rounds;
  });
  expect(waits).toEqual([16, 32, 64, 128, 128, 128]);
});

test("dear trials become as rare as keeps their cost to a hundredth of the time, within bounds", () => {
  for (const [cost, last] of [
    [1.28, 128],
    [4, 400],
    [50, 1024],
  ] as const) {
    const trials = new Trials();
    for (let i = 0; i < 8; ++i) {
      wait(trials);
      trials.judge(false, cost);
    }
    expect(wait(trials)).toBe(last);
  }
});

test("after one that paid comes another at once, and two are enough", () => {
  const trials = new Trials();
  wait(trials);
  expect(trials.judge(true, 1)).toBe(false);
  expect(trials.due).toBe(true);
  expect(trials.judge(true, 1)).toBe(true);
  expect(wait(trials)).toBe(16);
});

test("one that paid by luck is followed by one more", () => {
  const trials = new Trials();
  wait(trials);
  trials.judge(true, 1);
  trials.judge(false, 1);
  expect(wait(trials)).toBe(32);
});

test("a draft ends the wait", () => {
  const trials = new Trials();
  for (let i = 0; i < 15; ++i) trials.pass(0);
  trials.pass(1);
  expect(wait(trials)).toBe(16);
});
