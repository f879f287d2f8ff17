// What a page and the engine's process say to each other, over a MessagePort of any kind: Electron's,
// a worker thread's, a page's. Every message is a plain object with a `type`.

/**
 * From the page.
 *
 * @typedef {{ type: "load", models: ModelChoice, threads?: number }} Load loads models, in place of those before
 * @typedef {{ type: "ask", question: string, options: AskOptions }} Ask
 * @typedef {{ type: "stop" }} Stop ends what the page has asked for: an answer, or a loading
 * @typedef {Load | Ask | Stop} PageMessage
 *
 * @typedef {{ idleLayers: number } | { target: string, draft: string }} ModelChoice the embedded pair,
 *   its target made dearer by idle layers, or the paths of GGUF files
 *
 * @typedef {object} AskOptions
 * @property {string} stopRule how long to draft; "none" decodes plainly
 * @property {number} temperature
 * @property {number} maxTokens
 * @property {number} [seed]
 * @property {boolean} details whether rejected tokens are wanted too; costs some time
 */

/**
 * From the engine's process.
 *
 * @typedef {{ type: "ready", models: Models | undefined }} Ready the first message; what is loaded already
 * @typedef {{ type: "progress", model: "target" | "draft", fraction: number }} Progress fraction: 0…1
 * @typedef {{ type: "loaded", models: Models }} Loaded
 * @typedef {{ type: "round", tokens: ShownToken[], figures: Figures }} Round what has become certain
 * @typedef {{ type: "answered", finishReason: string, seed: number, figures: Figures }} Answered
 * @typedef {{ type: "failed", task: "load" | "ask", code: string, message: string }} Failed the code is
 *   one of docs/errors.md, the message says what to do
 * @typedef {Ready | Progress | Loaded | Round | Answered | Failed} HostMessage
 *
 * @typedef {{ target: string, draft: string, plainTokensPerSecond: number | undefined }} Models file
 *   names; how fast the target decodes plainly, measured when it was loaded
 *
 * @typedef {object} ShownToken
 * @property {string} text
 * @property {Fate} fate
 * @property {string[]} [rejected] what was drafted in its place and behind it
 *
 * @typedef {"accepted" | "corrected" | "bonus" | "plain"} Fate drafted and accepted; the target's, in
 *   place of a rejected one; the target's, after a draft accepted whole; the target's, nothing drafted
 *
 * @typedef {object} Figures of an answer until now
 * @property {number} generated tokens
 * @property {number} targetPasses
 * @property {number} drafted tokens
 * @property {number} accepted of them
 * @property {number} tokensPerSecond without the prompt; 0 before the first round
 * @property {{ rounds: number, whole: number }[]} draftLengths by length K from 0: how many rounds drafted
 *   K tokens, and of how many of these all were accepted
 */

/**
 * Listens to a port. Electron's ports in a utility process have Node's `on`, all others
 * `addEventListener`; the events are the same.
 *
 * @param {any} port
 * @param {(message: any, event: any) => void} onMessage
 * @param {() => void} onClose when the other side has gone
 */
export function listen(port, onMessage, onClose) {
  const on = (name, handler) =>
    port.addEventListener ? port.addEventListener(name, handler) : port.on(name, handler);
  on("message", (event) => onMessage(event.data, event));
  on("close", onClose);
  port.start?.();
}
