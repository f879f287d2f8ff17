// The engine's process. Electron starts it by utilityProcess.fork, Node as a worker thread; it is sent a
// MessagePort for each page and answers over that (protocol.mjs).

import { parentPort } from "node:worker_threads";
import { Client } from "./host/client.mjs";
import { Models } from "./host/models.mjs";
import { listen } from "./protocol.mjs";

const models = new Models();

listen(
  process.parentPort ?? parentPort,
  (_message, { ports: [port] }) => new Client(port, models),
  () => {},
);
