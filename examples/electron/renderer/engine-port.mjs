import { listen } from "../protocol.mjs";

/** Messages of the preload to its window; nobody else may send them. */
function onPreload(name, handler) {
  window.addEventListener("message", ({ source, data, ports }) => {
    if (source === window && data === name) handler(ports);
  });
}

/**
 * Connects to the engine's process through what the preload offers, and again whenever it has ended.
 *
 * @param {{
 *   onPort: (port: MessagePort) => void,
 *   onMessage: (message: import("../protocol.mjs").HostMessage) => void,
 *   onEnd: () => void,
 * }} page onEnd: the engine's process has ended, with all that it had
 */
export function connect({ onPort, onMessage, onEnd }) {
  onPreload("engine-port", ([port]) => {
    onPort(port);
    listen(port, onMessage, () => {});
  });
  onPreload("engine-ended", () => {
    onEnd();
    window.specdecpp.connect();
  });
  window.specdecpp.connect();
}
