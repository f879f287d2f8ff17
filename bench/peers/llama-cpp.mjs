// llama.cpp's own example of speculative decoding, llama-speculative-simple: built of the sources that
// node-llama-cpp carries, linked to the platform package's libraries, and run once for each prompt.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { prebuiltLibraries, unpackLlamaCpp } from "../../scripts/build/llama-cpp.mjs";
import { root } from "../setting.mjs";

const folder = path.join(root, "build", "peers");
const program = path.join(folder, "llama-speculative-simple");

/** Builds the program unless it is there. The libraries are linked beside it: it looks for backends there. */
export function buildLlamaSpeculative() {
  if (existsSync(program)) return;
  if (process.platform === "win32") throw new Error("on Windows there is nothing to link it to");
  const sources = path.join(root, "build", "llama.cpp-peers");
  unpackLlamaCpp(sources, true);
  mkdirSync(folder, { recursive: true });
  const libraries = prebuiltLibraries();
  const names = readdirSync(libraries).filter((name) => /\.(so|dylib|metal)$/.test(name));
  for (const name of names) {
    rmSync(path.join(folder, name), { force: true });
    symlinkSync(path.join(libraries, name), path.join(folder, name));
  }
  const linked = names.filter((name) =>
    /^lib(llama-common|llama|ggml|ggml-base)\.(v|so|dylib)/.test(name),
  );
  const origin = process.platform === "darwin" ? "@loader_path" : "$ORIGIN";
  const include = ["include", "ggml/include", "common", "vendor"];
  execFileSync(
    process.env.CXX ?? "c++",
    [
      ...["-std=c++17", "-O2"],
      ...include.map((name) => `-I${path.join(sources, name)}`),
      path.join(sources, "examples", "speculative-simple", "speculative-simple.cpp"),
      path.join(import.meta.dirname, "flush-log.cpp"),
      ...["-o", `${program}.partial`],
      ...linked.map((name) => path.join(folder, name)),
      ...[`-Wl,-rpath,${origin}`, "-pthread"],
    ],
    { stdio: "inherit" },
  );
  execFileSync("mv", [`${program}.partial`, program]);
}

const number = "([0-9.]+)";
const decoded = new RegExp(`decoded +${number} tokens in +${number} seconds`);

/**
 * What it generates from a prompt, and how long that took, the prompt and the loading left out.
 * @param {{ target: string, draft: string, threads: number, maxTokens: number, contextSize: number, temperature: number }} common
 * @param {{ nMax: number, pMin: number }} options
 * @param {string} prompt
 * @param {number} seed
 * @param {(text: string) => number} countTokens
 */
export function runLlamaSpeculative(common, { nMax, pMin }, prompt, seed, countTokens) {
  const promptFile = path.join(folder, "prompt.txt");
  writeFileSync(promptFile, prompt);
  const { target, draft, threads, maxTokens, contextSize, temperature } = common;
  const args = {
    "--model": target,
    "--model-draft": draft,
    "--threads": threads,
    "--threads-draft": threads,
    "--ctx-size": contextSize,
    "--file": promptFile,
    "--predict": maxTokens,
    "--temp": temperature,
    "--samplers": "temperature", // nothing is cut off
    "--seed": seed,
    "--spec-type": "draft-simple",
    "--spec-draft-n-max": nMax,
    "--spec-draft-p-min": pMin,
  };
  const child = spawnSync(program, ["--no-escape", ...Object.entries(args).flat().map(String)], {
    encoding: "utf8",
  });
  const figures = decoded.exec(child.stderr);
  if (child.status !== 0 || figures === null) {
    throw new Error(
      `llama-speculative-simple ended with ${child.status ?? child.signal}:\n${child.stderr}`,
    );
  }
  const found = (/** @type {string} */ name) =>
    Number(new RegExp(`${name} += ${number}`).exec(child.stderr)?.[1]);
  const text = replyOf(child.stdout);
  const counted = Number(figures[1]);
  // It also counts what it accepted behind the end of the text, which it does not write.
  const ended = counted <= maxTokens;
  return {
    generated: ended ? Math.min(counted, countTokens(text) + 1) : counted,
    millis: 1000 * Number(figures[2]),
    drafted: found("n_drafted"),
    accepted: found("n_accept"),
    text,
    ended,
  };
}

/** What stands behind the prompt; it writes the prompt first, and four newlines last. */
function replyOf(/** @type {string} */ output) {
  const mark = "<|assistant|>"; // ends each prompt
  return output.slice(output.indexOf(mark) + mark.length).replace(/\n{4}$/, "");
}
