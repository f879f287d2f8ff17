import { createEngine, type EngineOptions } from "../../lib";
import { demoTarget } from "../support/demo";

// createEngine over an addon that is told when to finish, and how.

/** One load() or open() that is under way. */
interface Work {
  finish(): void;
  fail(error: unknown): void;
}

let work: Work | undefined;
let events: string[];
let trained: number;

class Loading {
  loadProgress = (): number => 0.5;

  load(): Promise<object> {
    return new Promise((resolve, reject) => {
      work = {
        finish: () => {
          resolve({ usesGpu: false, trainedContextSize: trained, cacheWidthK: 1, cacheWidthV: 1 });
        },
        fail: reject,
      };
    });
  }

  abortLoad(): void {
    events.push("abortLoad");
    work?.fail(Object.assign(new Error("aborted"), { code: "ERR_ABORTED" }));
  }

  dispose(): void {
    events.push("model.dispose");
  }
}

class Opening {
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      work = { finish: resolve, fail: reject };
    });
  }

  dispose(): void {
    events.push("session.dispose");
  }
}

jest.mock("../../lib/native/load", () => ({
  loadAddon: () => ({ Model: Loading, Session: Opening }),
}));

beforeEach(() => {
  jest.useFakeTimers();
  work = undefined;
  events = [];
  trained = 64;
});

afterEach(() => {
  jest.useRealTimers();
});

/** Lets promises that are due settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; ++i) await Promise.resolve();
}

/** What createEngine comes to; the promise itself is never left without a handler. */
function creating(options: Partial<EngineOptions> = {}): Promise<unknown> {
  return createEngine({ target: demoTarget, ...options }).catch((error: unknown) => error);
}

test("progress is told while a model loads, and its end", async () => {
  const seen: number[] = [];
  const outcome = creating({ onLoadProgress: ({ fraction }) => seen.push(fraction) });
  await settle();
  jest.advanceTimersByTime(100);
  work?.finish();
  await settle();
  jest.advanceTimersByTime(100);
  work?.finish();
  expect(await outcome).not.toBeInstanceOf(Error);
  expect(seen).toEqual([0.5, 0.5, 1]);
});

test("a load progress that throws ends the loading, and is what createEngine rejects with", async () => {
  const planted = new RangeError("planted");
  let calls = 0;
  const outcome = creating({
    onLoadProgress: () => {
      calls += 1;
      throw planted;
    },
  });
  await settle();
  jest.advanceTimersByTime(500);
  expect(await outcome).toBe(planted);
  expect(calls).toBe(1);
  expect(events).toEqual(["abortLoad", "model.dispose"]);
  expect(jest.getTimerCount()).toBe(0);
});

test("a load progress that throws at the end leaves no model", async () => {
  const planted = new RangeError("planted");
  const outcome = creating({
    onLoadProgress: () => {
      throw planted;
    },
  });
  await settle();
  work?.finish();
  expect(await outcome).toBe(planted);
  expect(events).toEqual(["model.dispose"]);
});

test("a session that does not open is disposed of, and then its model", async () => {
  const outcome = creating();
  await settle();
  work?.finish();
  await settle();
  work?.fail(Object.assign(new Error("planted"), { code: "ERR_OUT_OF_MEMORY" }));
  expect(await outcome).toMatchObject({ code: "ERR_OUT_OF_MEMORY", message: "planted" });
  expect(events).toEqual(["session.dispose", "model.dispose"]);
});

test("a trained context of nonsense is not what the engine gets", async () => {
  trained = -1;
  const outcome = creating();
  await settle();
  work?.finish();
  await settle();
  work?.finish();
  expect(await outcome).toMatchObject({ contextSize: 4096 });
});
