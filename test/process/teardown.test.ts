import path from "node:path";
import { demoDraft, demoTarget, plainEngine, prompt, threads } from "../support/demo";
import { type ChildResult, root, run } from "./child";

// What must not happen here is that a process crashes, hangs, or does not end by itself.

const options = JSON.stringify({
  package: root,
  prompt,
  engine: { target: { path: demoTarget, threads }, draft: { path: demoDraft, threads } },
});

function fixture(name: string, ...args: string[]): ChildResult {
  return run(process.execPath, [
    "--expose-gc",
    path.join(__dirname, "fixtures", name),
    options,
    ...args,
  ]);
}

let expected: string;

beforeAll(async () => {
  const engine = await plainEngine();
  expected = (await engine.generate(prompt)).text;
  await engine.dispose();
});

test.each([
  "require",
  "createEngine",
  "loading",
  "created",
  "prefill",
  "streaming",
  "round",
  "queued",
  "generated",
  "disposing",
  "disposed",
])("a worker thread can be ended at the step: %s", (step) => {
  const { status, stdout, stderr } = fixture("terminate-at.cjs", step);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toBe(expected);
});

test("two engines work in two worker threads, and the process ends by itself", () => {
  const { status, stdout, stderr } = fixture("two-workers.cjs");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual([expected, expected]);
});

test.each(["abandon", "collect-garbage"])("a process ends by itself after: %s", (way) => {
  expect(fixture("leave-at.cjs", way)).toMatchObject({ status: 0, stdout: "left\n", stderr: "" });
});

test.each(["exit-while-busy", "exit-while-loading"])("a process can %s", (way) => {
  expect(fixture("leave-at.cjs", way)).toMatchObject({ status: 0, stderr: "" });
});

test("an uncaught error while busy ends the process as it always does", () => {
  const { status, stderr } = fixture("leave-at.cjs", "throw-while-busy");
  expect(status).toBe(1);
  expect(stderr).toContain("planted");
});
