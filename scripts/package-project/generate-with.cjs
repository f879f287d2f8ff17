// Prints what the package's own pair of models continues with, and what it answers, or the error, as JSON.

const path = require("node:path");

module.exports = async function generateWith(createEngine, require) {
  const models = path
    .join(path.dirname(require.resolve("specdecpp/package.json")), "models/demo")
    .replace("app.asar", "app.asar.unpacked"); // llama.cpp opens them, which knows no archives
  try {
    const engine = await createEngine({
      target: path.join(models, "target.gguf"),
      draft: path.join(models, "draft.gguf"),
    });
    const { text } = await engine.generate("Once upon a time", { maxTokens: 16, temperature: 0 });
    const hello = [{ role: "user", content: "How many legs have three cats?" }];
    const { text: answer } = await engine.chat(hello, { maxTokens: 8 });
    await engine.dispose();
    console.log(JSON.stringify({ text, answer }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
  }
};
