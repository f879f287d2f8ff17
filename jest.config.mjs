export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["<rootDir>/test/engine/"],
  // The package's own demo projects and built copies are not modules of this one.
  modulePathIgnorePatterns: ["<rootDir>/build/"],
  // Types are checked by `npm run types`, once for all files.
  transform: { "^.+\\.ts$": ["ts-jest", { transpilation: true, diagnostics: false }] },
  globalSetup: "<rootDir>/test/global-setup.mjs",
  // llama.cpp's prebuilt libraries spin at their barriers: two busy workers on two cores all but stop.
  maxWorkers: 1,
  testTimeout: 120_000,
};
