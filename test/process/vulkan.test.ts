// Whole generations on a GPU backend: Vulkan, on a GPU or on Mesa's software device (lavapipe). There
// every kernel is compiled at its first use, seconds each, so a few shapes have to do: rows of one and
// of two tokens. `.ci/run` installs what it needs.

import path from "node:path";
import type { BackendStatus, Device, GenerationResult } from "../../lib";
import { root } from "./child";
import { cli, json, pair } from "./cli";

const env = {
  GGML_VK_VISIBLE_DEVICES: "0", // else a software device does not count
  GGML_VK_DISABLE_FUSION: "1", // fused kernels take twice the time to compile
  MESA_SHADER_CACHE_DIR: path.join(root, "build", "mesa-shader-cache"),
};

const found = json<{ devices: Device[]; backends: BackendStatus[] }>(
  cli(["devices", "--json"], { env }),
);
const gpu = found.devices.find(({ name }) => name === "Vulkan0");
const vulkan = found.backends.find(({ backend }) => backend === "Vulkan");
if (gpu === undefined) {
  console.warn(`Left out: no Vulkan device here: ${vulkan?.reason ?? ""}. ${vulkan?.remedy ?? ""}`);
}
const testOnGpu = gpu === undefined ? test.skip : test;

/** Nats by which the log-probabilities of a token may differ between the devices; measured: 0.002. */
const bound = 0.02;

function generated(target: string, draft: string): GenerationResult {
  const text = ["--prompt", "Tom has", "--max-tokens", "40", "--stop", "fixed:1"];
  const devices = ["--devices", target, "--draft-devices", draft];
  const result = cli(["generate", ...pair, ...text, ...devices, "--json", "--logprobs"], { env });
  expect(result).toMatchObject({ status: 0, stderr: "" });
  return json<GenerationResult>(result);
}

let expected: GenerationResult;

beforeAll(() => {
  expected = generated("CPU", "CPU");
});

testOnGpu.each([
  ["target on the GPU, draft on the processor", "Vulkan0", "CPU"],
  ["target on the processor, draft on the GPU", "CPU", "Vulkan0"],
  ["both on the GPU", "Vulkan0", "Vulkan0"],
])("%s: the tokens are the processor's, up to near ties", (_, target, draft) => {
  const actual = generated(target, draft);
  expect(actual.stats.accepted).toBeGreaterThan(0);
  const parted = actual.tokens.findIndex((token, i) => token !== expected.tokens[i]);
  if (parted < 0) expect(actual.tokens).toEqual(expected.tokens);
  // Where they part both tokens are as good; behind it the texts are two.
  const gaps = (actual.logprobs ?? [])
    .slice(0, parted < 0 ? undefined : parted + 1)
    .map((logprob, i) => Math.abs(logprob - (expected.logprobs?.[i] ?? NaN)));
  console.info(`largest gap ${Math.max(...gaps)} nats (bound ${bound})`);
  expect(Math.max(...gaps)).toBeLessThan(bound);
  // Another device rounds differently: this was no processor.
  if (target !== "CPU") expect(Math.max(...gaps)).toBeGreaterThan(0);
});
