import { listen } from "../protocol.mjs";

/**
 * Connects to the engine's process through what the preload offers. Resolves to the port.
 *
 * @param {(message: import("../protocol.mjs").HostMessage) => void} onMessage
 * @param {() => void} onClose when the engine's process has ended
 * @returns {Promise<MessagePort>}
 */
export function connect(onMessage, onClose) {
  return new Promise((resolve) => {
    const receive = ({ source, data, ports: [port] }) => {
      if (source !== window || data !== "engine-port") return;
      window.removeEventListener("message", receive);
      listen(port, onMessage, onClose);
      resolve(port);
    };
    window.addEventListener("message", receive);
    window.specdecpp.connect();
  });
}
