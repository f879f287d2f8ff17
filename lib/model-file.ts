import { availableParallelism } from "node:os";
import { resolveModel } from "./download/resolve-model";
import { callAsync } from "./native/call";
import { loadAddon } from "./native/load";

/** What `quantize` can write; llama.cpp's names. */
export type QuantizationType = "f16" | "q8_0" | "q6_k" | "q5_k_m" | "q4_k_m";

/**
 * Writes a model with `layers` idle layers after its last, which add nothing to the output and cost
 * what layers cost: for measurements that need the price of a large target with the behaviour of a
 * small one. Rejects with ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD, ERR_UNSUPPORTED_MODEL,
 * ERR_INVALID_ARGUMENT, ERR_DOWNLOAD_FAILED or ERR_WRITE, leaving no file.
 */
export async function deepen(input: string, output: string, layers: number): Promise<void> {
  const file = await resolveModel(input);
  await callAsync(() => loadAddon().deepen(file, output, layers));
}

/**
 * Writes a model with its matrices in another type, by llama.cpp's quantizer: a draft in q8_0 is
 * about as good and half the size. Rejects with ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD,
 * ERR_INVALID_ARGUMENT, ERR_DOWNLOAD_FAILED or ERR_WRITE, leaving no file.
 */
export async function quantize(
  input: string,
  output: string,
  type: QuantizationType,
): Promise<void> {
  const file = await resolveModel(input);
  await callAsync(() => loadAddon().quantize(file, output, type, availableParallelism()));
}
