// Renders chat templates, in a thread of its own: a template is a program that came with a model's
// file, and one that does not end, or takes all memory, can only be ended with its thread.

const { parentPort } = require("node:worker_threads");
const { Template } = require("@huggingface/jinja");

if (parentPort === null) throw new Error("This file is for a worker thread.");
const port = parentPort;

port.on("message", ({ template, variables }) => {
  try {
    port.postMessage({ text: new Template(template).render(variables) });
  } catch (error) {
    port.postMessage({ problem: error instanceof Error ? error.message : String(error) });
  }
});
port.postMessage("ready");
