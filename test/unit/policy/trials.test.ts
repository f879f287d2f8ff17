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
    expect(trials.judge(false)).toBe(false);
    return rounds;
  });
  expect(waits).toEqual([16, 32, 64, 128, 128, 128]);
});

test("after one that paid comes another at once, and two are enough", () => {
  const trials = new Trials();
  wait(trials);
  expect(trials.judge(true)).toBe(false);
  expect(trials.due).toBe(true);
  expect(trials.judge(true)).toBe(true);
  expect(wait(trials)).toBe(16);
});

test("one that paid by luck is followed by one more", () => {
  const trials = new Trials();
  wait(trials);
  trials.judge(true);
  trials.judge(false);
  expect(wait(trials)).toBe(32);
});

test("a draft ends the wait", () => {
  const trials = new Trials();
  for (let i = 0; i < 15; ++i) trials.pass(0);
  trials.pass(1);
  expect(wait(trials)).toBe(16);
});
