import js from "@eslint/js";
import tseslint from "typescript-eslint";

// What the scripts use of Node's globals; declared here to spare a dependency.
const nodeGlobals = Object.fromEntries(
  ["process", "console", "URL", "Buffer", "AbortSignal", "setTimeout", "clearTimeout"].map(
    (name) => [name, "readonly"],
  ),
);

const typed = [
  "lib/**/*.{ts,mts}",
  "test/**/*.ts",
  "bench/**/*.{ts,mts}",
  "examples/**/*.{ts,mts}",
];

export default tseslint.config(
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
  { files: ["**/*.{js,cjs,mjs}"], languageOptions: { globals: nodeGlobals } },
);
