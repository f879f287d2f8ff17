// The page: sends what its forms say, shows what the engine's process answers.

import { AnswerView } from "./answer-view.mjs";
import { byId, make, showError } from "./elements.mjs";
import { connect } from "./engine-port.mjs";
import { formatSpeed, formatSpeedup, setPlain, showFigures } from "./figures-view.mjs";
import { endLoading, openModelsDialog, setUpModelsDialog, showProgress } from "./models-dialog.mjs";

/** @type {MessagePort | undefined} */
let port;
/** The answer that is under way: its view, what was asked, and the answer that it is compared with. */
let current;

const send = (message) => port?.postMessage(message);

/** @param {import("../protocol.mjs").HostMessage} message */
function receive(message) {
  switch (message.type) {
    case "ready":
      showModels(message.models);
      if (!message.models && !byId("models").open) openModelsDialog();
      return;
    case "progress":
      return showProgress(message);
    case "loaded":
      endLoading(undefined);
      showModels(message.models);
      return byId("question").focus();
    case "round":
      current.view.add(message.tokens);
      current.generated = message.figures.generated;
      return showFigures(message.figures);
    case "answered":
      return showAnswered(message);
    case "failed":
      return message.task === "load" ? showLoadFailed(message) : showFailed(message);
  }
}

/** @param {import("../protocol.mjs").Models | undefined} models */
function showModels(models) {
  byId("send").disabled = !models;
  byId("loaded").textContent = models ? `${models.target} + ${models.draft}` : "No models loaded";
  const tokensPerSecond = models?.plainTokensPerSecond;
  setPlain(tokensPerSecond && { tokensPerSecond, source: "measured when it was loaded" });
}

function ask(question, options, comparedWith) {
  byId("hint").hidden = true;
  showError(byId("notice"), undefined);
  const view = new AnswerView(
    byId("conversation"),
    question,
    comparedWith ? "the same, decoded plainly" : "",
  );
  current = { view, question, options, comparedWith, generated: 0 };
  setBusy(true);
  send({ type: "ask", question, options });
}

function setBusy(busy) {
  byId("stop").hidden = !busy;
  byId("send").hidden = busy;
  for (const button of document.querySelectorAll(".compare")) button.disabled = busy;
}

const endings = {
  eog: "",
  stop: "",
  length: " · as many tokens as were wanted",
  context: " · the context is full",
};

/** @param {import("../protocol.mjs").Answered} message */
function showAnswered({ finishReason, seed, figures }) {
  const { view, question, options, comparedWith } = current;
  const { generated, tokensPerSecond } = figures;
  const summary = `${generated} tokens · ${formatSpeed(tokensPerSecond)} tokens/s${endings[finishReason]}`;
  if (comparedWith) {
    setPlain({ tokensPerSecond, source: "measured with this question" });
    showFigures(comparedWith.figures);
    view.end(`${summary} · ${verdict(view, comparedWith, tokensPerSecond)}`);
  } else {
    showFigures(figures);
    view.end(summary, ...(options.stopRule === "none" ? [] : [compareButton()]));
  }
  setBusy(false);

  function compareButton() {
    const plainly = { ...options, stopRule: "none", seed };
    return make("button", {
      type: "button",
      className: "compare",
      textContent: "Compare with plain decoding",
      onclick: () => {
        view.end(summary);
        ask(question, plainly, { view, figures });
      },
    });
  }
}

function verdict(plainView, { view, figures }, plainTokensPerSecond) {
  const speedup = formatSpeedup(figures.tokensPerSecond / plainTokensPerSecond);
  const texts = view.text === plainView.text ? "the same text" : "another text";
  return `with the draft ${speedup} as fast, ${texts}`;
}

/** The models before were freed for those that failed. */
function showLoadFailed(error) {
  showModels(undefined);
  endLoading(error);
}

/** @param {import("../protocol.mjs").Failed} error */
function showFailed(error) {
  const { view, generated } = current;
  if (error.code === "ERR_ABORTED") view.end(`stopped after ${generated} tokens`);
  else {
    view.end(`failed after ${generated} tokens`);
    showError(byId("notice"), error);
  }
  setBusy(false);
}

/** The engine's process is gone, and all that it had. */
function showEnded() {
  const error = {
    code: "ENDED",
    message: "The engine’s process has ended. Load the models again.",
  };
  current?.view.end("cut off");
  setBusy(false);
  showModels(undefined);
  endLoading(error);
  showError(byId("notice"), error);
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (byId("send").disabled || byId("send").hidden) return;
  ask(byId("question").value, {
    stopRule: byId("stop-rule").value,
    temperature: byId("temperature").valueAsNumber,
    maxTokens: byId("max-tokens").valueAsNumber,
    details: byId("details").checked,
  });
  byId("question").value = "";
});
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});
byId("stop").addEventListener("click", () => send({ type: "stop" }));
setUpModelsDialog(send);
connect({ onPort: (opened) => (port = opened), onMessage: receive, onEnd: showEnded });
