import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { BuildError } from "./report.mjs";

const require = createRequire(import.meta.url);
const reinstall =
  "run npm install again with optional dependencies (no --omit=optional), or build llama.cpp from source: npx specdecpp build --source";

/** node-llama-cpp's folder: it carries llama.cpp's sources, and its optional dependencies the libraries. */
function nodeLlamaCppDirectory() {
  try {
    return path.join(path.dirname(require.resolve("node-llama-cpp")), "..");
  } catch {
    throw new BuildError(
      "node-llama-cpp is not installed.",
      "node-llama-cpp among the dependencies",
      "run npm install again",
    );
  }
}

/** The platform package with this machine's libraries, such as linux-x64; mac-arm64-metal. */
function platformPackage() {
  const system =
    { linux: "linux", darwin: "mac", win32: "win" }[process.platform] ?? process.platform;
  const arch = process.arch === "arm" ? "armv7l" : process.arch;
  return `${system}-${arch}${system === "mac" && arch === "arm64" ? "-metal" : ""}`;
}

/** The folder of the prebuilt shared libraries for this machine. */
export function prebuiltLibraries() {
  const name = platformPackage();
  try {
    const from = createRequire(path.join(nodeLlamaCppDirectory(), "package.json"));
    const directory = path.join(
      path.dirname(from.resolve(`@node-llama-cpp/${name}`)),
      "..",
      "bins",
      name,
    );
    if (existsSync(directory)) return directory;
  } catch {
    // reported below
  }
  throw new BuildError(
    "There are no prebuilt llama.cpp libraries for this machine.",
    `the package @node-llama-cpp/${name}`,
    reinstall,
  );
}

/**
 * Unpacks llama.cpp from node-llama-cpp's git bundle.
 * @param {string} directory where to; left as it is when it holds the same release already
 * @param {boolean} sources all sources, or the headers alone
 */
export function unpackLlamaCpp(directory, sources) {
  const llama = path.join(nodeLlamaCppDirectory(), "llama");
  const bundle = path.join(llama, "gitRelease.bundle");
  if (!existsSync(bundle)) {
    throw new BuildError("llama.cpp's sources are missing.", bundle, "run npm install again");
  }
  const { release } = JSON.parse(
    readFileSync(path.join(llama, "binariesGithubRelease.json"), "utf8"),
  );
  const stamp = path.join(directory, ".unpacked");
  const wanted = `${release} ${sources ? "sources" : "headers"}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;

  rmSync(directory, { recursive: true, force: true });
  mkdirSync(path.dirname(directory), { recursive: true });
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync("git", args, { stdio: ["ignore", "ignore", "inherit"] });
  git("clone", "--quiet", "--no-checkout", bundle, directory);
  const files = sources ? ["."] : ["CMakeLists.txt", "include", "ggml/include"];
  git("-C", directory, "checkout", "--quiet", "HEAD", "--", ...files);
  // Without .git, llama.cpp's build does not take our repository's commit for its own.
  rmSync(path.join(directory, ".git"), { recursive: true, force: true });
  writeFileSync(stamp, wanted);
}
