import { spawn } from "node:child_process";
import { constants } from "node:os";
import path from "node:path";
import type { CommandModule } from "yargs";
import { packageRoot } from "../package.mjs";

interface Arguments {
  source?: boolean | undefined;
  "--"?: string[];
}

export const buildCommand: CommandModule<object, Arguments> = {
  command: "build",
  describe: "Build the native addon, as installing does",
  builder: (parser) =>
    parser
      .usage("$0 build [--source] [-- CMake arguments]")
      .option("source", {
        boolean: true,
        describe: "Build llama.cpp too, instead of using its prebuilt libraries (minutes)",
      })
      .example("$0 build", "")
      .example("$0 build --source -- -DGGML_CUDA=ON", ""),
  handler: async (args) => {
    const script = path.join(packageRoot, "scripts", "build", "main.mjs");
    const passed = args["--"] ?? [];
    process.exitCode = await run(script, [
      ...(args.source ? ["--source"] : []),
      ...(passed.length > 0 ? ["--", ...passed] : []),
    ]);
  },
};

function run(script: string, args: string[]): Promise<number> {
  // Ctrl-C reaches the child too, whose end is then ours.
  process.on("SIGINT", () => undefined);
  const child = spawn(process.execPath, [script, ...args], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
