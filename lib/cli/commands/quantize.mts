import type { CommandModule } from "yargs";
import { type QuantizationType, quantize } from "../../index.js";
import { writeModel, type WritingArguments, writingOptions } from "../writing.mjs";

const types: readonly QuantizationType[] = ["f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m"];

interface Arguments extends WritingArguments {
  type: QuantizationType;
}

export const quantizeCommand: CommandModule<object, Arguments> = {
  command: "quantize <in> <out>",
  describe: "Write a model with smaller numbers: a draft of half the size drafts about as well",
  builder: (parser) =>
    parser
      .positional("in", {
        type: "string",
        demandOption: true,
        describe: "GGUF file to read, or its URI",
      })
      .positional("out", { type: "string", demandOption: true, describe: "GGUF file to write" })
      .option("type", {
        choices: types,
        requiresArg: true,
        demandOption: true,
        describe: "How matrices are stored",
      })
      .options(writingOptions)
      .example("$0 quantize draft-f16.gguf draft-q8.gguf --type q8_0", ""),
  handler: (args) => writeModel(args, (file) => quantize(file, args.out, args.type)),
};
