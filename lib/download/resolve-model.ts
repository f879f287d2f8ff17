import path from "node:path";
import type { ResolvedModel } from "../engine-options";
import { checkModelFile } from "../model";
import { download } from "./download";
import {
  checkModelUri,
  defaultModelsDirectory,
  fileNameOf,
  isModelUri,
  lockNameOf,
} from "./model-uri";
import { type DownloadOptions, resolveStallSeconds, type ResolveModelOptions } from "./options";

/**
 * The path of a model: a path as it is, and a URI after downloading what is not there yet. URIs are
 * hf:user/repo:quant, hf:user/repo/file.gguf and the http(s) address of a GGUF file; of a split model,
 * that of its first part, …-00001-of-0000N.gguf, for all of them. A download that was cut goes on
 * where it was, and has its own name only when it is complete. Who asks for a model that another call or
 * another process is downloading waits for it.
 *
 * Rejects with ERR_INVALID_ARGUMENT, ERR_FILE_NOT_FOUND (a path), ERR_DOWNLOAD_FAILED or ERR_ABORTED,
 * or with what onDownloadProgress or onWait throws.
 */
export async function resolveModel(
  uriOrPath: string,
  options: ResolveModelOptions = {},
): Promise<string> {
  const stallSeconds = resolveStallSeconds(options);
  if (typeof uriOrPath !== "string" || !isModelUri(uriOrPath)) {
    checkModelFile(uriOrPath);
    return uriOrPath;
  }
  checkModelUri(uriOrPath);
  const { modelsDirectory = defaultModelsDirectory(), onDownloadProgress, onWait } = options;
  const signal = options.signal ?? new AbortController().signal;
  const directory = path.resolve(modelsDirectory);
  return await download(
    { uri: uriOrPath, directory, fileName: fileNameOf(uriOrPath) },
    {
      lockName: lockNameOf(uriOrPath),
      onProgress: onDownloadProgress,
      onWait,
      stallSeconds,
      signal,
    },
  );
}

/** Models with files for their URIs. */
export async function downloaded<
  T extends { target: ResolvedModel; draft?: ResolvedModel | undefined },
>(models: T, { modelsDirectory, onDownloadProgress, signal }: DownloadOptions): Promise<T> {
  const options: ResolveModelOptions = {
    ...(modelsDirectory !== undefined && { modelsDirectory }),
    ...(onDownloadProgress && { onDownloadProgress }),
    ...(signal && { signal }),
  };
  const local = async (model: ResolvedModel): Promise<ResolvedModel> => ({
    ...model,
    path: await resolveModel(model.path, options),
  });
  const target = await local(models.target);
  return { ...models, target, ...(models.draft && { draft: await local(models.draft) }) };
}
