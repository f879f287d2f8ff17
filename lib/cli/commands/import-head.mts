import type { CommandModule } from "yargs";
import { importHead } from "../../index.js";
import { type WritingArguments, writeModel, writingOptions } from "../writing.mjs";

interface Arguments extends WritingArguments {
  target: string;
  draft: string;
  type?: "f32" | "f16" | "q8_0" | undefined;
}

const string = { string: true, requiresArg: true } as const;

export const importHeadCommand: CommandModule<object, Arguments> = {
  command: "import-head <in> <out>",
  describe: "Write a head that SpecDec++'s authors published, as safetensors, as a head file",
  builder: (parser) =>
    parser
      .positional("in", { type: "string", demandOption: true, describe: "The safetensors file" })
      .positional("out", { type: "string", demandOption: true, describe: "The head file" })
      .options({
        target: { ...string, demandOption: true, describe: "GGUF file of the target" },
        draft: {
          ...string,
          demandOption: true,
          describe: "GGUF file of the draft that the head was trained on",
        },
        type: {
          ...string,
          choices: ["f32", "f16", "q8_0"] as const,
          describe: "How the file stores matrices",
          defaultDescription: "f16",
        },
      })
      .options({ force: writingOptions.force, json: writingOptions.json })
      .example("$0 import-head model.safetensors head.gguf --target 70b.gguf --draft 7b.gguf", ""),
  handler: (args) =>
    writeModel(args, async () => {
      const { target, draft, type } = args;
      await importHead({ file: args.in, out: args.out, target, draft, ...(type && { type }) });
    }),
};
