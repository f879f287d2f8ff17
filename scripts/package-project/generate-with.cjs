// Prints what the package's own pair of models continues with, or the error, as JSON.

const path = require("node:path");

module.exports = async function generateWith(createEngine, require) {
  const models = path.join(path.dirname(require.resolve("specdecpp/package.json")), "models/demo");
  try {
    const engine = await createEngine({
      target: path.join(models, "target.gguf"),
      draft: path.join(models, "draft.gguf"),
    });
    const { text } = await engine.generate("Once upon a time", { maxTokens: 16, temperature: 0 });
    await engine.dispose();
    console.log(JSON.stringify({ text }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
  }
};
