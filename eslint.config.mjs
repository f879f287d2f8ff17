import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// What the scripts use of Node's globals; declared here to spare a dependency.
const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));
const nodeGlobals = readonly([
  ...["process", "console", "Buffer", "URL", "AbortController", "AbortSignal", "performance"],
  ...["setImmediate", "setTimeout", "clearTimeout", "structuredClone"],
]);
const pageGlobals = readonly([
  ...["window", "document", "location", "requestAnimationFrame", "MutationObserver"],
  ...["MessageChannel", "WebSocket"],
]);

const typed = [
  "lib/**/*.{ts,mts}",
  "test/**/*.ts",
  "bench/**/*.{ts,mts}",
  "examples/**/*.{ts,mts}",
];

export default defineConfig(
  { ignores: ["dist/", "build/", "coverage/", "node_modules/", "third_party/", "models/"] },
  js.configs.recommended,
  {
    files: typed,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      // Numbers in messages are what this project's errors are made of.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  // A wrong `!` fails the test that has it, which is all a test can do about it.
  { files: ["test/**/*.ts"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
  { files: ["**/*.{js,cjs,mjs}"], languageOptions: { globals: nodeGlobals } },
  {
    files: ["**/*.cjs"],
    languageOptions: { sourceType: "commonjs", globals: readonly(["__filename", "__dirname"]) },
  },
  {
    files: [
      "examples/electron/renderer/**",
      "examples/electron/preload.cjs",
      "test/process/fixtures/electron-preload.js",
    ],
    languageOptions: { globals: pageGlobals },
  },
);
