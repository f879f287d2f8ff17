import { SpecdecError } from "../index.js";
import { kebab } from "./option-names.mjs";

/** Throws for what yargs lets pass: no number for a number, and one value twice, which makes an array. */
export function checkValues(args: Record<string, unknown>): true {
  const many = ["_", "--", "stop-string", "stopString", "files", "uris", "rule", "sweep"];
  if (String((args._ as unknown[])[0]) === "train") many.push("trace");
  const repeated = Object.keys(args).find(
    (name) => Array.isArray(args[name]) && !many.includes(name),
  );
  if (repeated !== undefined) {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", `--${kebab(repeated)} is given twice.`);
  }
  const unclear = Object.keys(args).find((name) => Number.isNaN(args[name]));
  if (unclear !== undefined) {
    throw new SpecdecError("ERR_INVALID_ARGUMENT", `--${kebab(unclear)} must be a number.`);
  }
  return true;
}
