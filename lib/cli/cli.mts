#!/usr/bin/env node
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { benchCommand } from "./commands/bench.mjs";
import { buildCommand } from "./commands/build.mjs";
import { calibrateCommand } from "./commands/calibrate.mjs";
import { chatCommand } from "./commands/chat.mjs";
import { deepenCommand } from "./commands/deepen.mjs";
import { demoCommand } from "./commands/demo.mjs";
import { devicesCommand } from "./commands/devices.mjs";
import { fitCommand } from "./commands/fit.mjs";
import { generateCommand } from "./commands/generate.mjs";
import { importHeadCommand } from "./commands/import-head.mjs";
import { inspectCommand } from "./commands/inspect.mjs";
import { pullCommand } from "./commands/pull.mjs";
import { quantizeCommand } from "./commands/quantize.mjs";
import { replayCommand } from "./commands/replay.mjs";
import { traceCommand } from "./commands/trace.mjs";
import { trainCommand } from "./commands/train.mjs";
import { report, rethrow } from "./failure.mjs";
import { checkValues } from "./option-values.mjs";
import { write } from "./output.mjs";
import { version } from "./package.mjs";

const parser = yargs()
  .scriptName("specdecpp")
  .locale("en") // as the messages of the library are
  .parserConfiguration({ "greedy-arrays": false, "populate--": true })
  .usage("$0 <command>\n\nLossless speculative decoding of GGUF models.")
  .command(generateCommand)
  .command(chatCommand)
  .command(demoCommand)
  .command(pullCommand)
  .command(inspectCommand)
  .command(fitCommand)
  .command(devicesCommand)
  .command(quantizeCommand)
  .command(deepenCommand)
  .command(calibrateCommand)
  .command(benchCommand)
  .command(replayCommand)
  .command(traceCommand)
  .command(trainCommand)
  .command(importHeadCommand)
  .command(buildCommand)
  .demandCommand(1, "Give a command.")
  .strict()
  .strictCommands()
  .check(checkValues)
  .version(version)
  .epilogue("Exit codes: 0, 1 failure, 2 wrong usage, 130 and 143 interrupted.")
  .fail(rethrow);

// A reader that has gone is reported by the write it failed; without a listener it would be thrown.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  let help = ""; // or the version
  await parser
    .wrap(Math.min(100, process.stdout.columns))
    // Given a function, yargs leaves printing to us: its own ends with 0 whether or not it could be written.
    .parseAsync(hideBin(process.argv), {}, (_error, _args, output) => {
      help = output;
    });
  if (help !== "") await write(`${help}\n`);
} catch (error) {
  process.exitCode = report(error);
}
