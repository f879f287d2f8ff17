import { createEngine, type Engine, type EngineOptions } from "../index.js";
import { downloadReporter } from "./downloads.mjs";
import { ProgressBar } from "./progress-bar.mjs";

/** Loads the models, with a progress bar if it takes long. */
export async function loadEngine(options: EngineOptions, signal: AbortSignal): Promise<Engine> {
  const bar = new ProgressBar();
  try {
    return await createEngine({
      ...options,
      signal,
      onDownloadProgress: downloadReporter(bar),
      onLoadProgress: ({ model, fraction }) => {
        bar.update(`Loading the ${model}`, fraction);
      },
    });
  } finally {
    bar.stop();
  }
}
