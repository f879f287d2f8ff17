// Child processes for what one process can do only once: load a library, or fail to.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";

export const root = path.join(__dirname, "..", "..");
export const platform = `${process.platform}-${process.arch}`;
/** llama.cpp's prebuilt libraries, as node-llama-cpp ships them. */
export const platformLibraries = path.join(
  root,
  "node_modules/@node-llama-cpp",
  platform,
  "bins",
  platform,
);

const deadlineMillis = 60_000;

export interface ChildResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end, or to the deadline: `status` is null then. */
export function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildResult {
  return spawnSync(command, args, {
    cwd: root,
    env,
    encoding: "utf8",
    timeout: deadlineMillis,
    killSignal: "SIGKILL",
  });
}

/**
 * Runs the body of an async function in a Node process of its own; what it returns comes back through
 * JSON. An error comes back as `{ code, message }`.
 */
export function evaluate(body: string): unknown {
  const mark = "specdecpp-test-result:";
  const script = `(async () => { ${body} })()
    .catch((error) => ({ code: error.code, message: error.message }))
    .then((result) => process.stdout.write("\\n${mark}" + JSON.stringify(result) + "\\n"));`;
  const child = run(process.execPath, ["-e", script]);
  const line = child.stdout.split("\n").find((text) => text.startsWith(mark));
  if (child.status !== 0 || line === undefined) {
    throw new Error(
      `the child ended with ${String(child.status)}:\n${child.stdout}${child.stderr}`,
    );
  }
  return JSON.parse(line.slice(mark.length));
}

/** A folder that lives as long as the use of it. */
export function withTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies this package, as it would be installed, into a folder; without the addon unless wanted. */
export function copyPackage(folder: string, { addon = true } = {}): void {
  for (const name of ["dist", "package.json", ...(addon ? ["build/Release"] : [])]) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction");
}
