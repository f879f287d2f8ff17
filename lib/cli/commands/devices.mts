import type { CommandModule } from "yargs";
import { type BackendStatus, type Device, devices, gpuBackends } from "../../index.js";
import { formatBytes, formatTable, printable } from "../format.mjs";
import { write, writeJson } from "../output.mjs";

interface Arguments {
  json?: boolean | undefined;
}

export const devicesCommand: CommandModule<object, Arguments> = {
  command: "devices",
  describe: "List what models can run on, and why a GPU is not among it",
  builder: (parser) => parser.option("json", { boolean: true, describe: "Print one JSON object" }),
  handler: async ({ json }) => {
    const found = { devices: devices(), backends: gpuBackends() };
    if (json) await writeJson(found);
    else await write(`${describe(found.devices)}\n${found.backends.map(explain).join("")}`);
  },
};

function describe(found: readonly Device[]): string {
  const rows = found.map(({ name, type, description, memoryFreeBytes, memoryTotalBytes }) => [
    name,
    type,
    description,
    `${formatBytes(memoryFreeBytes)} of ${formatBytes(memoryTotalBytes)} free`,
  ]);
  return formatTable(
    [["device", "type", "", "memory"], ...rows].map((row) => row.map(printable)),
    "left",
  );
}

function explain({ backend, usable, file, reason, remedy }: BackendStatus): string {
  if (usable) return `${backend}: used.\n`;
  const lines = [
    `${backend}: not used: ${reason ?? "it brings no device"}.`,
    ...(remedy === undefined ? [] : [`  ${remedy}`]),
    ...(file === undefined ? [] : [`  Tried: ${file}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}
