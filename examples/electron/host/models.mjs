import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createEngine, deepen } from "specdecpp";

/** Where this app may write; given to the process when it is started. */
const dataFolder = process.argv[2] ?? os.tmpdir();

/** The models that all pages share. */
export class Models {
  #engine;
  /** The loading before: one at a time. */
  #loading = Promise.resolve();
  /** @type {import("../protocol.mjs").Models | undefined} */
  described;

  /** The engine; throws if none is loaded. */
  get engine() {
    if (this.#engine) return this.#engine;
    throw Object.assign(new Error("No models are loaded. Load a pair first."), {
      code: "ERR_NO_MODELS",
    });
  }

  /** Loads models in place of those before, which are freed first: both may not fit into memory. */
  load(choice, threads, onLoadProgress, signal) {
    const loading = this.#loading.then(() => this.#load(choice, threads, onLoadProgress, signal));
    this.#loading = loading.catch(() => {});
    return loading;
  }

  async #load(choice, threads, onLoadProgress, signal) {
    await this.#free();
    const { target, draft } = "idleLayers" in choice ? await embedded(choice.idleLayers) : choice;
    const settings = threads === undefined ? {} : { threads };
    const engine = await createEngine({
      target: { path: target, ...settings },
      draft: { path: draft, ...settings },
      onLoadProgress,
      signal,
    });
    try {
      const plainTokensPerSecond = await measurePlain(engine, signal);
      const [targetName, draftName] = [path.basename(target), path.basename(draft)];
      this.described = { target: targetName, draft: draftName, plainTokensPerSecond };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
    this.#engine = engine;
  }

  async #free() {
    const engine = this.#engine;
    this.#engine = undefined;
    this.described = undefined;
    await engine?.dispose();
  }
}

/**
 * The package's own pair. Its target is so small that drafting for it saves nothing; idle layers give it
 * the price of a larger one and leave its text as it is.
 */
async function embedded(idleLayers) {
  const manifest = createRequire(import.meta.url).resolve("specdecpp/package.json");
  // llama.cpp opens models itself, which it cannot inside of an archive.
  const folder = path
    .join(path.dirname(manifest), "models", "demo")
    .replace("app.asar", "app.asar.unpacked");
  const small = path.join(folder, "target.gguf");
  const draft = path.join(folder, "draft.gguf");
  if (idleLayers === 0) return { target: small, draft };
  const target = path.join(dataFolder, `demo-target-${idleLayers}-idle-layers.gguf`);
  if (!existsSync(target)) await deepen(small, target, idleLayers);
  return { target, draft };
}

const warmUp = { maxTokens: 24, temperature: 0 };

/**
 * Tokens a second of plain decoding, what a speedup is a multiple of; undefined for a model that makes
 * none within the time. Decoding runs before it: the first rounds look for the best number of threads.
 */
async function measurePlain(engine, signal) {
  const run = (options) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(2000)]);
    return engine.generate("Once upon a time", { ...options, signal: within }).catch((error) => {
      if (signal.aborted || error.code !== "ERR_ABORTED") throw error;
      return error.partial;
    });
  };
  await run(warmUp);
  const measured = await run({ ...warmUp, maxTokens: 48, stopRule: "none" });
  return measured?.stats.tokensPerSecond || undefined;
}
