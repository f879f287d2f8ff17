import type { CommandModule } from "yargs";
import { deepen } from "../../index.js";
import { writeModel, type WritingArguments, writingOptions } from "../writing.mjs";

interface Arguments extends WritingArguments {
  layers: number;
}

export const deepenCommand: CommandModule<object, Arguments> = {
  command: "deepen <in> <out>",
  describe: "Add idle layers to a model: it says the same, at the price of a large one",
  builder: (parser) =>
    parser
      .positional("in", {
        type: "string",
        demandOption: true,
        describe: "GGUF file to read, or its URI",
      })
      .positional("out", { type: "string", demandOption: true, describe: "GGUF file to write" })
      .option("layers", {
        number: true,
        requiresArg: true,
        demandOption: true,
        describe: "How many idle layers to add after the last",
      })
      .options(writingOptions)
      .example("$0 deepen small.gguf small-but-slow.gguf --layers 100", ""),
  handler: (args) => writeModel(args, (file) => deepen(file, args.out, args.layers)),
};
