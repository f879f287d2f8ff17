import { measureCosts } from "../../../lib/cost/measurement";
import { draftColumns, type NativeSession } from "../../../lib/native/binding";

const stepMicros = 10;
const repeatedMicros = 100;
const changedMicros = 180;

/** A session whose passes are dearer where the round before drafted another number of tokens. */
class ChangeableSession {
  #before = -1;
  begin = (): number => 0;
  prefill = (): Promise<number> => Promise.resolve(0);
  rollBack = (): void => undefined;
  abort = (): void => undefined;
  draft = (): Promise<{ stopReason: string; draft: Float64Array }> =>
    Promise.resolve({ stopReason: "length", draft: new Float64Array(draftColumns) });

  async round(length: number): Promise<Float64Array> {
    await new Promise(setImmediate);
    const verify = length === this.#before ? repeatedMicros : changedMicros;
    this.#before = length;
    return Float64Array.of(0, 0, length, 0, length, 0, 0, length * stepMicros, verify, 0);
  }
}

test("a plain pass has the price that it has after a plain pass", async () => {
  const [costs] = await measureCosts(new ChangeableSession() as unknown as NativeSession, {
    text: new Int32Array(16),
    maxDraft: 4,
    millis: 50,
    signal: new AbortController().signal,
  });
  expect(costs?.verify[0]).toMatchObject({ micros: repeatedMicros, high: repeatedMicros });
  expect(costs?.verify[0]?.samples).toBeGreaterThan(0);
  expect(costs?.verify[2]?.high).toBe(changedMicros);
  expect(costs?.draftStep.micros).toBe(stepMicros);
});
