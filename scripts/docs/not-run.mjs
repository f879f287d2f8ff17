// Commands in the docs that check-docs.mjs does not run, and why not.

/** @type {[RegExp, string][]} */
export const notRun = [
  [/^npm ci && npm (run demo|test)$/, "run by .ci/run, as they stand"],
  [/^npm pack$/, "run by scripts/check-package.mjs"],
  [/^npm install( |$)/, "installs; the package's install is run by scripts/check-package.mjs"],
  [/^npx specdecpp build/, "builds for minutes; run by scripts/check-package.mjs"],
  [/(^|&& )npm run bench(:| |$)/, "measures for minutes"],
  [/head-bench /, "measures for a minute"],
  [/^scripts\/bench-cuda\.sh/, "builds llama.cpp for minutes"],
  [/^npx specdecpp bench /, "measures for two minutes; run by test/process/cli-bench.test.ts"],
  [/ hf:user\/repo/, "needs the network; run by test/process/download.test.ts"],
  [/ Vulkan0 | --gpu-layers /, "needs a GPU; run by test/process/vulkan.test.ts"],
  [
    /gsm8k-(test-500|train-600)\.jsonl|docstrings\.jsonl/,
    "how the embedded head was made, of prompts that are not kept",
  ],
  [/^npx specdecpp train /, "trains for minutes; run by test/model/head.test.ts"],
  [/ --head paper\.gguf /, "needs the head of a command that is not run"],
  [/^npx specdecpp import-head /, "imports somebody's file"],
  [/^npx specdecpp demo /, "compares for half a minute; .ci/run runs the demo"],
  [/^(cd examples\/electron|npm start|npm run dist)$/, "needs Electron's binary"],
  [
    /^npx specdecpp quantize draft-f16\.gguf draft\.gguf /,
    "how the embedded draft was made, of a file that is not kept",
  ],
];

/** @param {string} command */
export function reasonNotToRun(command) {
  return notRun.find(([pattern]) => pattern.test(command))?.[1];
}
