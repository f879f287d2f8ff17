import { freemem } from "node:os";
import { SpecdecError } from "../../lib";
import { cacheSizeBytes, checkMemory } from "../../lib/memory";

test("a cache takes both widths, in their types, for every token", () => {
  const info = { cacheWidthK: 1024, cacheWidthV: 512 };
  expect(cacheSizeBytes(info, { contextSize: 100, kvTypeK: "f16", kvTypeV: "f32" })).toBe(
    100 * (2048 + 2048),
  );
  expect(cacheSizeBytes(info, { contextSize: 32, kvTypeK: "q8_0", kvTypeV: "q4_0" })).toBe(
    32 * ((1024 / 32) * 34 + (512 / 32) * 18),
  );
});

test("more than there is is refused, naming both", () => {
  expect(() => {
    checkMemory(freemem() * 100);
  }).toThrow(SpecdecError);
  expect(() => {
    checkMemory(1024);
  }).not.toThrow();
});
