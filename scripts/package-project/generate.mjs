import { createRequire } from "node:module";
import { createEngine } from "specdecpp";
import generateWith from "./generate-with.cjs";

generateWith(createEngine, createRequire(import.meta.url));
