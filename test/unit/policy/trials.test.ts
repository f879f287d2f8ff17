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
    expect(trials.judge(-1, 1)).toBe(false);
    return rounds;
  });
  expect(waits).toEqual([16, 32, 64, 112, 112, 112]);
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
      trials.judge(-cost, cost);
    }
    expect(wait(trials)).toBe(last);
  }
});

test("after one that paid comes another at once, and two are enough", () => {
  const trials = new Trials();
  wait(trials);
  expect(trials.judge(1, 1)).toBe(false);
  expect(trials.due).toBe(true);
  expect(trials.judge(1, 1)).toBe(true);
  expect(wait(trials)).toBe(16);
});

test("two are judged together: the second may lose less than the first has gained", () => {
  const trials = new Trials();
  wait(trials);
  trials.judge(2, 1);
  expect(trials.judge(-1, 1)).toBe(true);
});

test("a first that gained by luck is not enough", () => {
  const trials = new Trials();
  wait(trials);
  trials.judge(0.5, 1);
  expect(trials.judge(-1, 1)).toBe(false);
  expect(wait(trials)).toBe(32);
});

test("a draft ends the wait", () => {
  const trials = new Trials();
  for (let i = 0; i < 15; ++i) trials.pass(0);
  trials.pass(1);
  expect(wait(trials)).toBe(16);
});
