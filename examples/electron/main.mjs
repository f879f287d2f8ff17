// Electron's main process: a window, and the engine's process that it talks to. No text and no token
// passes through here: page and engine share a port.

import path from "node:path";
import { app, BrowserWindow, dialog, ipcMain, MessageChannelMain, utilityProcess } from "electron";

const here = import.meta.dirname;

/** The engine's process; started when a page first needs it, and again when it has ended. */
let host;

function engineHost() {
  host ??= utilityProcess
    .fork(path.join(here, "host.mjs"), [app.getPath("userData")], { serviceName: "specdecpp" })
    .once("exit", () => {
      host = undefined;
      for (const window of BrowserWindow.getAllWindows()) window.webContents.send("ended");
    });
  return host;
}

ipcMain.on("connect", ({ sender }) => {
  const { port1, port2 } = new MessageChannelMain();
  engineHost().postMessage(null, [port1]);
  sender.postMessage("port", null, [port2]);
});

ipcMain.handle("choose-model", async ({ sender }) => {
  const window = BrowserWindow.fromWebContents(sender);
  if (!window) return undefined; // closed meanwhile
  const { filePaths } = await dialog.showOpenDialog(window, {
    title: "Choose a model",
    properties: ["openFile"],
    filters: [{ name: "GGUF models", extensions: ["gguf"] }],
  });
  return filePaths[0];
});

function openWindow() {
  const window = new BrowserWindow({
    width: 1120,
    height: 760,
    minWidth: 480,
    minHeight: 480,
    title: "specdecpp",
    webPreferences: {
      preload: path.join(here, "preload.cjs"),
      contextIsolation: true,
      nodeIntegration: false,
      sandbox: true,
    },
  });
  window.webContents.setWindowOpenHandler(() => ({ action: "deny" }));
  window.webContents.on("will-navigate", (event) => event.preventDefault());
  void window.loadFile(path.join(here, "renderer", "index.html"));
}

// Not `await`: Electron is ready only after this module has been evaluated.
void app.whenReady().then(openWindow);
app.on("activate", () => {
  if (BrowserWindow.getAllWindows().length === 0) openWindow();
});
app.on("window-all-closed", () => {
  if (process.platform !== "darwin") app.quit();
});
