// The backends for GPUs: node-llama-cpp's modules, which fit the prebuilt libraries of their release.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Device, NativeAddon } from "./binding";
import { unpacked } from "./unpacked";

/** What became of a backend for GPUs. */
export interface BackendStatus {
  backend: "CUDA" | "Vulkan" | "Metal";
  /** Whether it brings a device. */
  usable: boolean;
  /** The module that was tried last. */
  file?: string;
  /** Why it brings none, and what can be done about it. */
  reason?: string;
  remedy?: string;
}

/** Loads those that this machine can run. mode: of the addon's build. */
export function loadGpuBackends(addon: NativeAddon, mode: string): BackendStatus[] {
  if (mode !== "prebuilt") return ofBuild(addon);
  if (process.platform === "darwin") {
    return [status("Metal", has(addon, "Metal") ? "" : "llama.cpp finds no Metal device")];
  }
  return [
    load(addon, "CUDA", [modulesOf("cuda"), modulesOf("cuda-ext", "cuda", "fallback")]),
    load(addon, "Vulkan", [modulesOf("vulkan")]),
  ];
}

/** A build from source has the backends that it was configured with. */
function ofBuild(addon: NativeAddon): BackendStatus[] {
  const backends = ["CUDA", "Vulkan", "Metal"] as const;
  return backends
    .filter((backend) => (backend === "Metal") === (process.platform === "darwin"))
    .map((backend) =>
      has(addon, backend)
        ? status(backend, "")
        : {
            ...status(backend, "llama.cpp was built from source without it, or it finds no device"),
            remedy: `To have it: npx specdecpp build --source -- -DGGML_${backend.toUpperCase()}=ON`,
          },
    );
}

function has(addon: NativeAddon, backend: string): boolean {
  const prefix = backend === "Metal" ? "MTL" : backend;
  return addon
    .devices()
    .some(({ name }: Device) => name.startsWith(prefix) || name.startsWith(backend));
}

/** A place where a module may be. */
interface Place {
  package: string;
  /** None if the package is not installed, or lacks it. */
  file: string | undefined;
}

/** Where node-llama-cpp has a backend's module for this machine. */
function modulesOf(packageSuffix: string, backend = packageSuffix, folder = "."): Place {
  const [system, library] =
    process.platform === "win32" ? ["win", "ggml-%.dll"] : [process.platform, "libggml-%.so"];
  const machine = `${system}-${process.arch}`;
  const name = `@node-llama-cpp/${machine}-${packageSuffix}`;
  try {
    const from = createRequire(require.resolve("node-llama-cpp"));
    const bins = path.join(path.dirname(unpacked(from.resolve(name))), "..", "bins");
    const file = path.join(bins, `${machine}-${backend}`, folder, library.replace("%", backend));
    return { package: name, file: existsSync(file) ? file : undefined };
  } catch {
    return { package: name, file: undefined };
  }
}

/** Loads the first module that brings a device; the others are for older drivers. */
function load(
  addon: NativeAddon,
  backend: BackendStatus["backend"],
  places: readonly [Place, ...Place[]],
): BackendStatus {
  let first: BackendStatus | undefined;
  for (const { file } of places) {
    if (file === undefined) continue;
    // llama.cpp's words of a module that does not load name the file before the reason.
    const logged = addon.loadModule(file).split(`${file}: `).at(-1) ?? "";
    const reason = logged.endsWith("returned NULL") ? "it finds no driver" : logged;
    const found = { ...status(backend, reason), file };
    if (found.usable) return found;
    first ??= found;
  }
  return (
    first ?? {
      ...status(backend, `the package ${places[0].package} is not installed`),
      remedy: `It is there for Linux and Windows on x64; npm leaves it out with --omit=optional.`,
    }
  );
}

/** reason: "" if it brings a device. */
function status(backend: BackendStatus["backend"], reason: string): BackendStatus {
  if (reason === "") return { backend, usable: true };
  const remedy = remedies.find(({ pattern }) => pattern.test(`${backend}: ${reason}`))?.remedy;
  return { backend, usable: false, reason, ...(remedy !== undefined && { remedy }) };
}

const remedies = [
  { pattern: /libcuda\.so|nvcuda\.dll/, remedy: "Install NVIDIA's driver." },
  {
    pattern: /lib(cudart|cublas)/,
    remedy: "Install NVIDIA's driver, and the CUDA runtime with cuBLAS (of CUDA 13 or 12).",
  },
  {
    pattern: /libvulkan\.so|vulkan-1\.dll/,
    remedy: "Install the Vulkan loader (Debian, Ubuntu: libvulkan1) and the GPU's driver.",
  },
  {
    pattern: /^Vulkan:/,
    remedy: "Install the GPU's Vulkan driver (Debian, Ubuntu: mesa-vulkan-drivers).",
  },
  { pattern: /^CUDA:/, remedy: "See whether nvidia-smi finds the GPU." },
];
