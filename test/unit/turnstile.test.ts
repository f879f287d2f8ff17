import { Turnstile } from "../../lib/turnstile";
import { rejection } from "../support/expect-error";

const never = new AbortController().signal;

test("users enter one at a time, in the order they came", async () => {
  const turnstile = new Turnstile();
  const order: number[] = [];
  const leaveFirst = await turnstile.enter(never);
  const others = [1, 2, 3].map(async (i) => {
    const leave = await turnstile.enter(never);
    order.push(i);
    await Promise.resolve();
    order.push(-i);
    leave();
  });
  expect(order).toEqual([]);
  leaveFirst();
  await Promise.all(others);
  expect(order).toEqual([1, -1, 2, -2, 3, -3]);
});

test("who aborts while waiting leaves the queue to those behind", async () => {
  const turnstile = new Turnstile();
  const leave = await turnstile.enter(never);
  const aborting = new AbortController();
  const impatient = turnstile.enter(aborting.signal);
  const patient = turnstile.enter(never);
  aborting.abort(new Error("enough"));
  expect((await rejection(impatient, "ERR_ABORTED")).cause).toEqual(new Error("enough"));
  leave();
  (await patient)();
});

test("leaving twice does not let two in", async () => {
  const turnstile = new Turnstile();
  const leave = await turnstile.enter(never);
  leave();
  leave();
  await turnstile.enter(never);
  let entered = false;
  void turnstile.enter(never).then(() => (entered = true));
  await new Promise(setImmediate);
  expect(entered).toBe(false);
});

test("an aborted signal does not enter", async () => {
  await rejection(new Turnstile().enter(AbortSignal.abort()), "ERR_ABORTED");
});
