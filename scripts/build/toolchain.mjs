import { spawnSync } from "node:child_process";
import { BuildError } from "./report.mjs";

const install = {
  linux:
    "install them (Debian, Ubuntu: apt-get install g++ make cmake git), then run: npx specdecpp build",
  darwin:
    "install them (xcode-select --install; brew install cmake), then run: npx specdecpp build",
  win32:
    "install Visual Studio's C++ build tools, CMake and git, then run: npx specdecpp build --source",
};
const remedy = install[process.platform] ?? "install them, then run: npx specdecpp build";

/** @param {string} command */
function runs(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Checks for what the build needs before it starts, so that the message is ours and not CMake's. */
export function checkToolchain() {
  /** @type {[string, string[]][]} */
  const needed = [
    ["CMake", ["cmake"]],
    ["git", ["git"]],
  ];
  if (process.platform !== "win32") {
    needed.push(["make or ninja", ["make", "ninja"]]);
    needed.push([
      "a C++ compiler",
      process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"],
    ]);
  }
  const missing = needed.filter(([, commands]) => !commands.some(runs));
  if (missing.length > 0) {
    throw new BuildError(
      `Missing: ${missing.map(([name]) => name).join(", ")}.`,
      `${missing.flatMap(([, commands]) => commands).join(", ")} in PATH (${process.env.PATH ?? "empty"})`,
      remedy,
    );
  }
}
