import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { evaluate, platformLibraries, root, withTemporaryFolder } from "./child";

// Two users of llama.cpp in one process: libggml-base has no version in its name, so the loader gives
// both whichever came first.

const models = path.join(root, "models/demo");

const useNodeLlamaCpp = `
  const { getLlama } = await import("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", progressLogs: false });
  const model = await llama.loadModel({ modelPath: ${JSON.stringify(path.join(models, "target.gguf"))} });
  const tokens = model.tokenize("Once upon a time").length;
  await model.dispose();`;

const useSpecdecpp = `
  const { createEngine, devices } = require("./dist");
  const engine = await createEngine({
    target: ${JSON.stringify(path.join(models, "target.gguf"))},
    draft: ${JSON.stringify(path.join(models, "draft.gguf"))},
  });
  const { text } = await engine.generate("Once upon a time", { maxTokens: 8 });
  await engine.dispose();`;

const report = `
  const processors = devices().filter((device) => device.type === "cpu").length;
  return { tokens, text, processors };`;

const shared = {
  tokens: expect.any(Number) as number,
  text: expect.stringMatching(/\S/) as string,
  processors: 1,
};

test("llama.cpp of the same release, loaded by node-llama-cpp first, is shared", () => {
  expect(evaluate(`${useNodeLlamaCpp} ${useSpecdecpp} ${report}`)).toEqual(shared);
});

test("llama.cpp of the same release, loaded by specdecpp first, is shared", () => {
  expect(evaluate(`${useSpecdecpp} ${useNodeLlamaCpp} ${report}`)).toEqual(shared);
});

test("llama.cpp of another release is refused, with both files and the remedy", () => {
  withTemporaryFolder((folder) => {
    cpSync(platformLibraries, folder, { recursive: true });
    const metadata = path.join(folder, "_nlcBuildMetadata.json");
    const text = readFileSync(metadata, "utf8");
    writeFileSync(metadata, text.replace(/"release":"v[^"]*"/, '"release":"v9.9.9"'));

    const foreign = path.join(folder, "llama-addon.node");
    const result = evaluate(`
      process.dlopen({ exports: {} }, ${JSON.stringify(foreign)});
      ${useSpecdecpp} return text;`);

    expect(result).toHaveProperty("code", "ERR_LLAMA_CONFLICT");
    for (const part of [
      path.join(folder, "libggml-base"),
      path.join(root, "build/Release/libggml-base"),
      "9.9.9",
      "child process",
      "utilityProcess",
    ]) {
      expect(result).toHaveProperty("message", expect.stringContaining(part));
    }
  });
});
