// The folder that a reader of the docs is supposed to have: models, prompts and traces under the names
// that the docs use, all of them the embedded pair and what comes of it.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..", "..");

const models = {
  target: ["target.gguf", "T.gguf", "model.gguf", "small.gguf", "draft-f16.gguf"],
  draft: ["draft.gguf", "D.gguf"],
};
const traces = ["walks", "traces/gsm8k", "other-prompts"];
const prices = { draftStepMicros: 100, verifyMicros: [1000, 1100, 1200, 1300] };

/** Makes the folders of blocks in `parent`, and what is slow to make once for all of them. */
export class Folders {
  #parent;
  #count = 0;

  /** @param {string} parent */
  constructor(parent) {
    this.#parent = parent;
    /** The environment of all commands. */
    this.env = {
      ...process.env,
      PATH: `${path.join(parent, "bin")}${path.delimiter}${process.env.PATH}`,
      XDG_CACHE_HOME: path.join(parent, "cache"),
      LOCALAPPDATA: path.join(parent, "cache"),
    };
    fs.mkdirSync(path.join(parent, "bin"));
    fs.symlinkSync(path.join(root, "dist/cli/cli.mjs"), path.join(parent, "bin", "specdecpp"));
    const folder = this.make({ text: "--out walks" });
    this.run(folder, "specdecpp calibrate --target target.gguf --draft draft.gguf --seconds 1");
    this.run(
      folder,
      "specdecpp trace --target target.gguf --draft draft.gguf --chat --prompts prompts.jsonl --max-tokens 20 --threads 1 --out walks",
    );
    this.trace = path.join(folder, "walks");
  }

  /**
   * A new folder for a block. It has traces unless the block writes one.
   *
   * @param {{ text: string }} block
   */
  make({ text }) {
    const folder = path.join(this.#parent, String(this.#count++));
    const at = (/** @type {string} */ name) => path.join(folder, name);
    for (const name of ["models", "node_modules", "test/data", "traces"]) {
      fs.mkdirSync(at(name), { recursive: true });
    }
    fs.symlinkSync(root, at("node_modules/specdecpp"), "junction");
    for (const name of ["models/demo", "examples"]) {
      fs.symlinkSync(path.join(root, name), at(name), "junction");
    }
    for (const [model, names] of Object.entries(models)) {
      for (const name of names)
        fs.symlinkSync(path.join(root, `models/demo/${model}.gguf`), at(name));
    }
    fs.symlinkSync(path.join(root, "models/demo/head.gguf"), at("head.gguf"));
    const data = fs.readFileSync(path.join(root, "test/data/gsm8k.jsonl"), "utf8");
    const questions = data.split("\n").slice(0, 2).join("\n");
    for (const name of ["prompts.jsonl", "gsm8k.jsonl", "test/data/gsm8k.jsonl"]) {
      fs.writeFileSync(at(name), questions);
    }
    fs.writeFileSync(at("prompt.txt"), "Once upon a time");
    fs.writeFileSync(at("costs.json"), JSON.stringify(prices));
    if (!/\bout\b/.test(text)) {
      for (const name of traces) fs.symlinkSync(this.trace, at(name), "junction");
    }
    if (text.includes("git diff"))
      this.run(folder, "git init -q && git add prompt.txt && echo changed > prompt.txt");
    return folder;
  }

  /**
   * Runs a command to its end; throws what it said when it failed.
   *
   * @param {string} folder
   * @param {string} command
   */
  run(folder, command) {
    // npx takes half a second to find what PATH has.
    const direct = command.replaceAll(/\bnpx (?=specdecpp )/g, "");
    try {
      execFileSync("bash", ["-c", `set -o pipefail; ${direct}`], {
        cwd: folder,
        env: this.env,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 60_000,
      });
    } catch (error) {
      const { status, stderr } = /** @type {any} */ (error);
      throw new Error(`${command}\nended with ${status}: ${stderr}`, { cause: error });
    }
  }
}
