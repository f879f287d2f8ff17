import { statSync } from "node:fs";
import type { CommandModule } from "yargs";
import { checkModelUri } from "../../download/model-uri.js";
import { modelFile, modelsDirOption } from "../downloads.mjs";
import { formatBytes } from "../format.mjs";
import { partPaths } from "../../gguf-parts.js";
import { write, writeJson } from "../output.mjs";

interface Arguments {
  uris: string[];
  modelsDir?: string | undefined;
  json?: boolean | undefined;
}

export const pullCommand: CommandModule<object, Arguments> = {
  command: "pull <uris...>",
  describe: "Download models, or go on with a download, and print where they are",
  builder: (parser) =>
    parser
      .positional("uris", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "hf:user/repo:quant, hf:user/repo/file.gguf, or an https address",
      })
      .options(modelsDirOption)
      .option("json", { boolean: true, describe: "Print one JSON object" })
      .example("$0 pull hf:user/repo:Q4_K_M", "")
      .example("$0 pull hf:user/repo/model-00001-of-00003.gguf --models-dir models", ""),
  handler: async ({ uris, modelsDir, json }) => {
    for (const uri of uris) checkModelUri(uri);
    const models: { uri: string; path: string; sizeBytes: number }[] = [];
    for (const uri of uris) {
      const path = await modelFile(uri, modelsDir);
      const sizeBytes = partPaths(path).reduce((sum, part) => sum + statSync(part).size, 0);
      models.push({ uri, path, sizeBytes });
      process.stderr.write(`${uri}: ${formatBytes(sizeBytes)}\n`);
      if (!json) await write(`${path}\n`);
    }
    if (json) await writeJson({ models });
  },
};
