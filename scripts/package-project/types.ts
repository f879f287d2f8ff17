import { createEngine } from "specdecpp";

export async function generate(): Promise<string> {
  const engine = await createEngine({ target: "target.gguf", draft: "draft.gguf" });
  const result = await engine.generate("Once upon a time", { maxTokens: 16 });
  await engine.dispose();
  return result.text;
}
