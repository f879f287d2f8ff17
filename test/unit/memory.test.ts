import { freemem } from "node:os";
import { SpecdecError } from "../../lib";
import { cacheSizeBytes, checkMemory, defaultContextSize } from "../../lib/memory";

test("a cache takes both widths, in their types, for every token", () => {
  const info = { cacheWidthK: 1024, cacheWidthV: 512 };
  expect(cacheSizeBytes(info, { contextSize: 100, kvTypeK: "f16", kvTypeV: "f32" })).toBe(
    100 * (2048 + 2048),
  );
  expect(cacheSizeBytes(info, { contextSize: 32, kvTypeK: "q8_0", kvTypeV: "q4_0" })).toBe(
    32 * ((1024 / 32) * 34 + (512 / 32) * 18),
  );
});

test.each([
  [512, 512],
  [2, 2],
  [131_072, 4096],
  [1, 4096],
  [0, 4096],
  [-1, 4096], // 2^32 - 1 in the file
])("a model trained for %i tokens gets a context of %i", (trained, size) => {
  expect(defaultContextSize(trained)).toBe(size);
});

test("more than there is is refused, naming both", () => {
  expect(() => {
    checkMemory(freemem() * 100);
  }).toThrow(SpecdecError);
  expect(() => {
    checkMemory(1024);
  }).not.toThrow();
});
