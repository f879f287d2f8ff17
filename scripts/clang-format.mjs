// Formats the C++ files; with --check, only says whether they are formatted.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { getNativeBinary } from "clang-format";

const root = path.join(import.meta.dirname, "..");
const check = process.argv.includes("--check");

// Files that are not committed yet count too.
const listed = spawnSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "native", "test/engine"],
  { cwd: root, encoding: "utf8" },
);
if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
const files = listed.stdout
  .split("\n")
  .filter((file) => /\.(h|cpp)$/.test(file) && existsSync(path.join(root, file)));

const options = check ? ["--dry-run", "-Werror"] : ["-i"];
const result = spawnSync(getNativeBinary(), [...options, ...files], {
  cwd: root,
  stdio: "inherit",
});
if (result.error) throw result.error;
if (result.status === 0) {
  console.log(`clang-format: ${files.length} files ${check ? "are formatted" : "formatted"}`);
} else {
  console.error("clang-format: not as it should be; run: npm run format");
  process.exitCode = 1;
}
