import { fileURLToPath } from "node:url";

const embedded = (name) => fileURLToPath(new URL(`../models/demo/${name}.gguf`, import.meta.url));
const [target = embedded("target"), draft = embedded("draft")] = process.argv.slice(2);

/** The models that an example was given on its command line, TARGET DRAFT, or the embedded pair. */
export const pair = { target, draft };

/** A question in the form that the embedded pair knows. */
export const toPrompt = (question) => `<|user|>${question}<|assistant|>`;
