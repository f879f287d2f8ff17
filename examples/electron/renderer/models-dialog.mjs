import { byId, showError } from "./elements.mjs";

/** What is to be loaded when the button is pressed. */
const own = { target: undefined, draft: undefined };

/**
 * The dialog that chooses and loads a pair.
 *
 * @param {(message: import("../protocol.mjs").PageMessage) => void} send
 */
export function setUpModelsDialog(send) {
  const dialog = byId("models");
  for (const model of /** @type {const} */ (["target", "draft"])) {
    byId(`choose-${model}`).addEventListener("click", async () => {
      own[model] = (await window.specdecpp.chooseModel()) ?? own[model];
      if (!own[model]) return;
      const path = byId(`${model}-path`);
      path.value = own[model].split(/[\\/]/).at(-1);
      path.title = own[model];
      byId("choice").elements.pair.value = "own";
      update();
    });
  }
  byId("choice").addEventListener("change", update);
  byId("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    setLoading(true);
    send({ type: "load", models: choice(), ...threads() });
  });
  byId("cancel").addEventListener("click", () => {
    if (!byId("loading").hidden) send({ type: "stop" });
    else dialog.close();
  });
  dialog.addEventListener("cancel", (event) => {
    if (!byId("loading").hidden) event.preventDefault();
  });
  byId("open-models").addEventListener("click", openModelsDialog);
  update();
}

export function openModelsDialog() {
  showError(byId("load-error"), undefined);
  byId("models").showModal();
}

/** @param {import("../protocol.mjs").Progress} progress */
export function showProgress({ model, fraction }) {
  byId(`${model}-progress`).value = fraction;
  byId("loading-step").textContent =
    model === "draft" && fraction === 1 ? "Measuring plain decoding…" : "";
}

/** @param {{ code: string, message: string } | undefined} error none: it has been loaded */
export function endLoading(error) {
  setLoading(false);
  if (error === undefined) byId("models").close();
  else if (error.code !== "ERR_ABORTED") showError(byId("load-error"), error);
}

function setLoading(loading) {
  byId("loading").hidden = !loading;
  byId("pairs").disabled = loading;
  byId("load").disabled = loading;
  if (!loading) return update();
  showError(byId("load-error"), undefined);
  for (const model of ["target", "draft"]) byId(`${model}-progress`).value = 0;
  byId("loading-step").textContent = "";
}

function usesDemo() {
  return byId("choice").elements.pair.value === "demo";
}

function update() {
  byId("idle-layers").disabled = !usesDemo();
  byId("load").disabled = !usesDemo() && !(own.target && own.draft);
}

/** @returns {import("../protocol.mjs").ModelChoice} */
function choice() {
  return usesDemo() ? { idleLayers: byId("idle-layers").checked ? 120 : 0 } : { ...own };
}

function threads() {
  const { value } = byId("threads");
  return value === "" ? {} : { threads: Number(value) };
}
