import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { SpecdecError } from "../errors";
import type { Device, NativeAddon } from "./binding";
import { call } from "./call";
import { type BackendStatus, loadGpuBackends } from "./gpu-backends";
import { unpacked } from "./unpacked";

const packageRoot = path.join(__dirname, "..", "..");

/** The addon and llama.cpp's libraries. */
const directory = unpacked(path.join(packageRoot, "build", "Release"));

let addon: NativeAddon | undefined;
let gpus: BackendStatus[] = [];

/**
 * The addon, loaded on first use with the backends that this machine can run.
 * Throws ERR_ADDON_NOT_BUILT, ERR_ADDON_LOAD, ERR_RELEASE_MISMATCH or ERR_LLAMA_CONFLICT.
 */
export function loadAddon(): NativeAddon {
  if (addon === undefined) {
    const file = path.join(directory, "specdecpp.node");
    if (!existsSync(file)) {
      throw new SpecdecError(
        "ERR_ADDON_NOT_BUILT",
        `The native addon is not built: there is no ${file}. Package managers skip install scripts unless allowed; run: npx specdecpp build`,
      );
    }
    refuseForeignLlama();
    const loaded = requireAddon(file);
    gpus = call(() => {
      loaded.loadBackends(directory);
      return loadGpuBackends(loaded, buildMode());
    });
    addon = loaded;
  }
  return addon;
}

/**
 * What became of the backends for GPUs: which bring a device, and why the others bring none. Throws as
 * loading the addon does.
 */
export function gpuBackends(): readonly BackendStatus[] {
  loadAddon();
  return gpus;
}

/** The devices that llama.cpp can use on this machine. */
export function devices(): Device[] {
  return call(() => loadAddon().devices());
}

function buildMode(): string {
  const file = path.join(directory, "build-info.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { mode: string }).mode;
}

function requireAddon(file: string): NativeAddon {
  try {
    return createRequire(__filename)(file) as NativeAddon;
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (code === "ERR_RELEASE_MISMATCH") {
      throw new SpecdecError(code, message, { cause });
    }
    throw new SpecdecError(
      "ERR_ADDON_LOAD",
      `The native addon ${file} does not load on ${process.platform} ${process.arch}, Node ${process.version}: ${message}. It may have been built on another machine; run: npx specdecpp build`,
      { cause },
    );
  }
}

/**
 * libggml-base has no version in its name, so the loader gives our libllama whichever was loaded
 * first. A copy of the same release serves both; one of another release would crash.
 */
function refuseForeignLlama(): void {
  const ours = path.join(directory, "libggml-base");
  const other = loadedLibraries().find(
    (file) =>
      path.basename(file).includes("ggml-base.") && !isSameFile(file, ours + path.extname(file)),
  );
  if (other === undefined || releaseOf(path.dirname(other)) === releaseOf(directory)) {
    return;
  }
  throw new SpecdecError(
    "ERR_LLAMA_CONFLICT",
    `Another llama.cpp is loaded in this process: ${other} (release ${releaseOf(path.dirname(other)) ?? "unknown"}), while specdecpp brings ${ours} (release ${releaseOf(directory) ?? "unknown"}). The two cannot share a process: use one of them in a child process, in Electron a utilityProcess.`,
  );
}

function loadedLibraries(): string[] {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true; // looking up the names of open connections could take seconds
  try {
    return (report.getReport() as unknown as { sharedObjects: string[] }).sharedObjects;
  } finally {
    report.excludeNetwork = before;
  }
}

function isSameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

/** The release of the llama.cpp libraries in a folder, from what the builds write beside them. */
function releaseOf(folder: string): string | undefined {
  const read = (name: string): unknown => {
    const file = path.join(folder, name);
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  };
  const ours = read("build-info.json") as { release: string } | undefined;
  const nodeLlamaCpp = read("_nlcBuildMetadata.json") as
    { buildOptions: { llamaCpp: { release: string } } } | undefined;
  return ours?.release ?? nodeLlamaCpp?.buildOptions.llamaCpp.release.replace(/^v/, "");
}
