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
  // Tests keep one thread busy each.
  maxWorkers: 2,
  testTimeout: 120_000,
};
