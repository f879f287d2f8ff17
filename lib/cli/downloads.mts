// Downloads as the command line shows them.

import { type DownloadProgress, resolveModel } from "../index.js";
import { isModelUri } from "../download/model-uri.js";
import { formatBytes, formatDuration } from "./format.mjs";
import { interruptible } from "./interruption.mjs";
import { ProgressBar } from "./progress-bar.mjs";

/** The option that says where downloaded models are. */
export const modelsDirOption = {
  "models-dir": {
    string: true,
    requiresArg: true,
    describe: "Folder of models given as URIs, hf:user/repo:quant or https:",
    defaultDescription: "~/.node-llama-cpp/models",
  },
} as const;

/** Shows downloads on a bar. */
export function downloadReporter(bar: ProgressBar): (progress: DownloadProgress) => void {
  let first: { at: number; bytes: number } | undefined;
  let current: string | undefined;
  return ({ uri, downloadedBytes, totalBytes }) => {
    const now = performance.now();
    if (first === undefined || uri !== current) first = { at: now, bytes: downloadedBytes };
    current = uri;
    const perSecond = ((downloadedBytes - first.bytes) * 1000) / (now - first.at);
    const left = (totalBytes - downloadedBytes) / perSecond;
    const speed =
      perSecond > 0 ? `, ${formatBytes(perSecond)}/s, ${formatDuration(left)} left` : "";
    bar.update(
      `${uri}: ${formatBytes(downloadedBytes)} of ${formatBytes(totalBytes)}${speed}`,
      totalBytes > 0 ? downloadedBytes / totalBytes : 0,
    );
  };
}

/** The file of a model, downloaded if it is given as a URI. Ctrl-C keeps what has come. */
export async function modelFile(uriOrPath: string, modelsDir: string | undefined): Promise<string> {
  if (!isModelUri(uriOrPath)) return resolveModel(uriOrPath);
  const bar = new ProgressBar();
  try {
    return await interruptible((signal) =>
      resolveModel(uriOrPath, {
        ...(modelsDir !== undefined && { modelsDirectory: modelsDir }),
        onDownloadProgress: downloadReporter(bar),
        onWait: () => {
          process.stderr.write(`${uriOrPath}: waiting for another download of it to end\n`);
        },
        signal,
      }),
    );
  } finally {
    bar.stop();
  }
}
