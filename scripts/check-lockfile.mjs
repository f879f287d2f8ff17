// Checks that package.json pins every dependency exactly, and that the lockfile holds llama.cpp's
// libraries for every platform: npm, run on one of them, is known to drop the others.

import { readFileSync } from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const read = (/** @type {string} */ file) =>
  JSON.parse(readFileSync(path.join(root, file), "utf8"));
const manifest = read("package.json");
const { packages } = read("package-lock.json");
/** @type {string[]} */
const problems = [];

for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
  for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
      problems.push(`package.json: ${name} is "${version}"; pin one exact version`);
    } else if (packages[`node_modules/${name}`]?.version !== version) {
      problems.push(`package-lock.json: ${name} is not at ${version}; run npm install`);
    }
  }
}

const llama = packages["node_modules/node-llama-cpp"];
const platforms = Object.entries(llama?.optionalDependencies ?? {});
if (platforms.length === 0) problems.push("package-lock.json: node-llama-cpp names no platforms");
for (const [name, version] of platforms) {
  const locked = packages[`node_modules/${name}`]?.version;
  if (locked !== version || version !== manifest.dependencies["node-llama-cpp"]) {
    problems.push(`package-lock.json: ${name} is ${locked ?? "missing"}, wanted ${version}`);
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`lockfile: all versions exact, ${platforms.length} platform packages`);
