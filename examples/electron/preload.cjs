// All that the page can reach of Electron. Ports cannot cross the context bridge; they come as a message
// to the window.

const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("specdecpp", {
  /** Asks for a port to the engine's process; the window gets it as the message "engine-port". */
  connect: () => ipcRenderer.send("connect"),
  /** Resolves to the path of a model file, or to undefined when none was chosen. */
  chooseModel: () => ipcRenderer.invoke("choose-model"),
});

ipcRenderer.on("port", ({ ports }) => window.postMessage("engine-port", "*", ports));
ipcRenderer.on("ended", () => window.postMessage("engine-ended", "*"));
